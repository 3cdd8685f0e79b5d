# Strings, hashes and sorting, as scripts do them. The argument multiplies the work.
amount = ARGV[0].to_i
seed = 42
rand31 = -> { seed = (seed * 1103515245 + 12345) % 2147483648 }
words = Array.new(5000) { Array.new(2 + rand31.call / 65536 % 9) { (97 + rand31.call / 65536 % 26).chr }.join }
groups = Hash.new { |hash, key| hash[key] = [] }
(40_000 * amount).times { |i| groups[words[rand31.call / 65536 % 5000]] << { id: i, name: "record #{i}", tags: words.sample(3, random: Random.new(i)) } }
puts groups.size, groups.values.map { |list| list.map { |r| r[:name] + r[:tags].join(',') }.sort.last }.max
