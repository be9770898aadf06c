#include <stdio.h>

static double odd(double n);
static double even(double n) { return n == 0 ? 1 : odd(n - 1); }
static double odd(double n) { return n == 0 ? 0 : even(n - 1); }

int main(void) {
    volatile double n = 1000000000;
    printf("%.17g\n", even(n));
}
