#include <stdio.h>

static double odd(double n);
static double even(double n) { return n == 0 ? 1 : 1 - odd(n - 1); }
static double odd(double n) { return n == 0 ? 0 : 1 - even(n - 1); }

static double repeated(double times) {
    double sum = 0;
    for (double i = 1; i <= times; i += 1)
        for (double n = 1; n <= 1000; n += 1) sum = sum + even(n) * i;
    return sum;
}

int main(void) {
    volatile double times = 1800;
    printf("%.17g\n", repeated(times));
}
