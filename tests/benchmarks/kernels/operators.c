#include <stdio.h>

static double negated(double x) { return 0 - x; }
static double different(double a, double b) { return a < b || a > b; }
static double least(double a, double b) { return a < b ? a : b; }
static double wrapped(double a, double b) { return a + b > 1000 ? a + b - 1000 : a + b; }

static double mixed(double n) {
    double a = 1, b = 2, sum = 0;
    for (double i = 1; i <= n; i += 1) {
        a = wrapped(a, least(b, 700));
        b = wrapped(b, 7);
        sum = sum + (different(a, b) && b > 3 ? a : negated(b));
    }
    return sum;
}

int main(void) {
    volatile double n = 400000000;
    printf("%.17g\n", mixed(n));
}
