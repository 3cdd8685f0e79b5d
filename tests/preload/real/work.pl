# Work for the memory of perl: strings that grow, hashes, sorting, regular expressions, closures, fork.
use strict;
use warnings;

sub digest {
    my $h = 0;
    $h = ($h * 31 + ord) % 4294967291 for split //, join ',', @_;
    return $h;
}

my $seed = 1;
sub next_number { return $seed = ($seed * 48271) % 2147483647 }

my %count;
my @words = map { sprintf '%x', next_number() } 1 .. 30000;
$count{ substr $_, 0, 3 }++ for @words;
print 'counts ', digest(map { "$_=$count{$_}" } sort keys %count), "\n";
delete @count{ (sort keys %count)[0 .. 99] };
print 'left ', scalar(keys %count), "\n";

my $text = '';
$text .= "$_ " for @words;
(my $upper = $text) =~ s/([a-f]+)/\U$1$1/g;
print 'text ', digest(substr $upper, 1000, 20000), ' ', scalar(() = $text =~ /\b[0-9]+\b/g), "\n";
print 'sorted ', digest((sort { $a cmp $b } @words)[0 .. 5000]), "\n";

my @closures = map { my $n = $_; sub { return $n * shift } } 1 .. 5000;
my $sum = 0;
$sum += $closures[$_]->($_) for 0 .. $#closures;
print "closures $sum\n";

my @tree = map { { name => $_, children => [ map { [ $_ x 10 ] } 1 .. 10 ] } } @words[ 0 .. 3000 ];
print 'tree ', digest(map { $_->{name}, scalar @{ $_->{children} } } @tree), "\n";
@tree = ();

$| = 1;
my $pid = fork;
if (!$pid) {
    print 'child ', digest(reverse @words[ 0 .. 2000 ]), "\n";
    exit 0;
}
waitpid $pid, 0;
print "status $?\n";
