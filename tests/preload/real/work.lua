-- Work for the memory of lua: every allocation, growth and release of its collector goes through realloc.
local seed = 1
local function next_number()
    seed = seed * 48271 % 2147483647
    return seed
end

local function digest(text)
    local h = 0
    for i = 1, #text do
        h = (h * 31 + text:byte(i)) % 4294967291
    end
    return h
end

local words = {}
for i = 1, 60000 do
    words[i] = string.format("%x", next_number())
end
local text = table.concat(words, " ")
print("text", #text, digest(text))
print("gsub", digest((text:gsub("[a-f]+", function(s) return s:upper() .. s end))))

local counts = {}
for _, word in ipairs(words) do
    local key = word:sub(1, 3)
    counts[key] = (counts[key] or 0) + 1
end
local keys = {}
for key in pairs(counts) do
    keys[#keys + 1] = key
end
table.sort(keys)
print("keys", #keys, digest(table.concat(keys)))

local function tree(depth)
    return depth == 0 and { name = "leaf" } or { tree(depth - 1), tree(depth - 1), name = "node" .. depth }
end
local function count(t)
    return 1 + (t[1] and count(t[1]) + count(t[2]) or 0)
end
for depth = 10, 15 do
    print("tree", depth, count(tree(depth)))
end

local grown = ""
for i = 1, 3000 do
    grown = grown .. words[i]
end
print("grown", #grown, digest(grown))

local routines = {}
for i = 1, 2000 do
    routines[i] = coroutine.wrap(function() for n = 1, 3 do coroutine.yield(i * n) end end)
end
local sum = 0
for n = 1, 3 do
    for i = 1, #routines do
        sum = sum + routines[i]()
    end
end
print("coroutines", sum)
