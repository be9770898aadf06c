#include <math.h>
#include <stdio.h>

static double f(double x) { return exp(0 - x * x) * sin(x) + log(1 + x) / (1 + cos(x) * cos(x)); }

static double simpson(double left, double right) {
    return (right - left) / 6 * (f(left) + 4 * f((left + right) / 2) + f(right));
}

static double integral(double left, double right, double strips) {
    double area = 0, width = (right - left) / strips;
    for (double i = 1; i <= strips; i += 1) area = area + simpson(left + (i - 1) * width, left + i * width);
    return area;
}

int main(void) {
    volatile double left = 0, right = 10, strips = 10000000;
    printf("%.17g\n", integral(left, right, strips));
}
