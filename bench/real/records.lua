-- Strings, tables and sorting, as scripts do them. The argument multiplies the work.
local seed = 42
local function next_number()
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536
end
local words = {}
for i = 1, 5000 do
    local letters = {}
    for k = 1, 2 + next_number() % 9 do letters[k] = string.char(97 + next_number() % 26) end
    words[i] = table.concat(letters)
end
local groups, count = {}, 0
for i = 1, 150000 * tonumber(arg[1]) do
    local word = words[1 + next_number() % 5000]
    if not groups[word] then groups[word] = {}; count = count + 1 end
    table.insert(groups[word], {id = i, name = "record " .. i, tags = {words[1 + next_number() % 100], word}})
end
local last = ""
for _, list in pairs(groups) do
    local names = {}
    for k, record in ipairs(list) do names[k] = record.name .. table.concat(record.tags, ",") end
    table.sort(names)
    if names[#names] > last then last = names[#names] end
end
print(count, last)
