const half = n => n / 2;
const isEven = n => Math.floor(half(n)) * 2 === n;
const up = n => 3 * n + 1;
const next = n => isEven(n) ? half(n) : up(n);
function length(n) {
    // Without tail calls in the language, as a loop.
    let steps = 0;
    for (; n !== 1; n = next(n)) steps++;
    return steps;
}
let best = 0, found = 0;
for (let start = 1; start <= 2500000; start++) {
    const here = length(start);
    if (here > best) [best, found] = [here, start];
}
console.log(found);
