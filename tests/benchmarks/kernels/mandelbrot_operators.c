#include <stdio.h>

static double not(double x) { return x != 0 ? 0 : 1; }
static double greater(double a, double b) { return b < a; }
static double or(double a, double b) { return a != 0 ? 1 : b != 0 ? 1 : 0; }

static double converger(double re, double im, double count, double c_re, double c_im) {
    if (or(greater(count, 999), greater(re * re + im * im, 4)) != 0) return count;
    return converger(re * re - im * im + c_re, 2 * re * im + c_im, count + 1, c_re, c_im);
}

static double converge(double re, double im) { return converger(re, im, 0, re, im); }

static double area(double size) {
    double sum = 0;
    for (double y = 0; y <= size; y += 1)
        for (double x = 0; x <= size; x += 1) {
            sum = sum + not(converge(3 * x / size - 2, 2 * y / size - 1))
                      + converge(3 * x / size - 2, 2 * y / size - 1);
        }
    return sum;
}

int main(void) {
    volatile double size = 800;
    printf("%.17g\n", area(size));
}
