#include <stdio.h>

int main(void) {
    volatile double last = 700000000;
    double a = 1, sum = 0, limit = last;
    for (double i = 1; i <= limit; i += 1) {
        a = a < 2 ? a * 1.5 : a - 1.25;
        sum = sum + a / i;
    }
    printf("%.17g\n", sum);
}
