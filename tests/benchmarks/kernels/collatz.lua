local floor = math.floor
local function half(n) return n / 2 end
local function is_even(n) return floor(half(n)) * 2 == n end
local function up(n) return 3 * n + 1 end
local function next(n) if is_even(n) then return half(n) else return up(n) end end
local function length(n, steps) if n == 1 then return steps else return length(next(n), steps + 1) end end
local best, found = 0, 0
for start = 1, 2500000 do
    local here = length(start, 0)
    if here > best then best, found = here, start end
end
print(string.format("%.17g", found))
