#include <stdio.h>

static double fib(double n) { return n < 3 ? 1 : fib(n - 1) + fib(n - 2); }

int main(void) {
    volatile double n = 43;
    printf("%.17g\n", fib(n));
}
