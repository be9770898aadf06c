#include <stdio.h>

static double steps(double re, double im, double c_re, double c_im, double count) {
    if (count > 999 || re * re + im * im > 4) return count;
    return steps(re * re - im * im + c_re, 2 * re * im + c_im, c_re, c_im, count + 1);
}

static double area(double size) {
    double sum = 0;
    for (double y = 0; y <= size; y += 1)
        for (double x = 0; x <= size; x += 1)
            sum = sum + steps(0, 0, 3 * x / size - 2, 2 * y / size - 1, 0);
    return sum;
}

int main(void) {
    volatile double size = 1100;
    printf("%.17g\n", area(size));
}
