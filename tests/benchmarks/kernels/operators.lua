local function negated(x) return 0 - x end
local function different(a, b) return a < b or a > b end
local function least(a, b) if a < b then return a else return b end end
local function wrapped(a, b) if a + b > 1000 then return a + b - 1000 else return a + b end end
local a, b, sum = 1, 2, 0
for i = 1, 400000000 do
    a = wrapped(a, least(b, 700))
    b = wrapped(b, 7)
    sum = sum + ((different(a, b) and b > 3) and a or negated(b))
end
print(string.format("%.17g", sum))
