#include <stdio.h>

static double ackermann(double m, double n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

int main(void) {
    volatile double m = 3, n = 12;
    printf("%.17g\n", ackermann(m, n));
}
