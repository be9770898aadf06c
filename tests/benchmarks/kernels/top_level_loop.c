#include <stdio.h>

int main(void) {
    double a = 1, sum = 0;
    for (double i = 1; i <= 300000000; i += 1) {
        a = a < 2 ? a * 1.5 : a - 1.25;
        sum = sum + a / i;
    }
    printf("%.17g\n", sum);
}
