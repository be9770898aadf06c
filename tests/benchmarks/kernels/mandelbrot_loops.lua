local function steps(c_re, c_im)
    local re, im, i = 0, 0, 1
    while true do
        re, im = re * re - im * im + c_re, 2 * re * im + c_im
        if not (i < 1000 and re * re + im * im <= 4) then return i end
        i = i + 1
    end
end
local size, sum = 1100, 0
for y = 0, size do
    for x = 0, size do sum = sum + steps(3 * x / size - 2, 2 * y / size - 1) end
end
print(string.format("%.17g", sum))
