const negated = x => 0 - x;
const different = (a, b) => a < b || a > b;
const least = (a, b) => a < b ? a : b;
const wrapped = (a, b) => a + b > 1000 ? a + b - 1000 : a + b;
function mixed(n) {
    let a = 1, b = 2, sum = 0;
    for (let i = 1; i <= n; i++) {
        a = wrapped(a, least(b, 700));
        b = wrapped(b, 7);
        sum = sum + (different(a, b) && b > 3 ? a : negated(b));
    }
    return sum;
}
console.log(mixed(400000000));
