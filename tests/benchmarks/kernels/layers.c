#include <stdio.h>

static double a1(double x) { return x * 1.0001 + 0.5; }
static double a2(double x) { return x * 0.9998 - 0.25; }
static double b1(double x) { return a1(x) + a2(x); }
static double b2(double x) { return a1(x) - a2(x) * 0.5; }
static double c1(double x) { return b1(x) * 0.5 + b2(x) * 0.125; }
static double c2(double x) { return b1(x) * 0.25 - b2(x) * 0.5; }
static double d1(double x) { return c1(x) - c2(x) * 0.5; }
static double d2(double x) { return c1(x) * 0.5 + c2(x); }
static double e(double x) { return x > 100 ? d1(x) * 0.25 : d2(x) + 1; }

static double iterated(double n) {
    double x = 1, sum = 0;
    for (double i = 1; i <= n; i += 1) {
        x = e(x);
        sum = sum + x;
    }
    return sum;
}

int main(void) {
    volatile double n = 120000000;
    printf("%.17g\n", iterated(n));
}
