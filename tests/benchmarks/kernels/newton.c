#include <stdio.h>

static double improve(double x, double n) { return (x + n / x) / 2; }
static double root_from(double x, double n, double steps) {
    return steps == 0 ? x : root_from(improve(x, n), n, steps - 1);
}
static double root(double n) { return root_from(n, n, 12); }

static double sum(double limit) {
    double total = 0;
    for (double n = 1; n <= limit; n += 1) total = total + root(n);
    return total;
}

int main(void) {
    volatile double limit = 50000000;
    printf("%.17g\n", sum(limit));
}
