function steps(c_re, c_im) {
    let re = 0, im = 0;
    for (let i = 1; ; i++) {
        const next = re * re - im * im + c_re;
        im = 2 * re * im + c_im;
        re = next;
        if (!(i < 1000 && re * re + im * im <= 4)) return i;
    }
}
const size = 1100;
let sum = 0;
for (let y = 0; y <= size; y++)
    for (let x = 0; x <= size; x++) sum += steps(3 * x / size - 2, 2 * y / size - 1);
console.log(sum);
