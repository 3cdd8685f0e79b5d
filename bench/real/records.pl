# Strings, hashes and sorting, as scripts do them. The argument multiplies the work.
use strict;
my $seed = 42;
sub next_number { $seed = ($seed * 1103515245 + 12345) % 2147483648; return int($seed / 65536) }
my @words = map { join '', map { chr(97 + next_number() % 26) } 0 .. 1 + next_number() % 9 } 1 .. 5000;
my %groups;
for my $i (1 .. 150_000 * $ARGV[0]) {
    push @{$groups{$words[next_number() % 5000]}}, {id => $i, name => "record $i", tags => [map { $words[next_number() % 100] } 1 .. 3]};
}
my $last = '';
for my $list (values %groups) {
    my ($most) = sort { $b cmp $a } map { $_->{name} . join ',', @{$_->{tags}} } @$list;
    $last = $most if $most gt $last;
}
print scalar(keys %groups), " $last\n";
