#include <stdio.h>

static double height(double x) { return 4 / (1 + x * x); }

static double pi(double strips) {
    double sum = 0;
    for (double i = 1; i <= strips; i += 1) sum = sum + height((i - 0.5) / strips);
    return sum / strips;
}

int main(void) {
    volatile double strips = 400000000;
    printf("%.17g\n", pi(strips));
}
