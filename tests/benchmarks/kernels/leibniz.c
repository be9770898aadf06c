#include <stdio.h>

static double leibniz(double terms) {
    double sum = 0, sign = 1;
    for (double i = 0; i <= terms; i += 1) {
        sum = sum + sign / (2 * i + 1);
        sign = -sign;
    }
    return 4 * sum;
}

int main(void) {
    volatile double terms = 800000000;
    printf("%.17g\n", leibniz(terms));
}
