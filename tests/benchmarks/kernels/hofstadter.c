#include <stdio.h>

static double male(double n);
static double female(double n) { return n == 0 ? 1 : n - male(female(n - 1)); }
static double male(double n) { return n == 0 ? 0 : n - female(male(n - 1)); }

int main(void) {
    volatile double last = 130;
    double sum = 0, limit = last;
    for (double n = 1; n <= limit; n += 1) sum = sum + female(n) - male(n);
    printf("%.17g\n", sum);
}
