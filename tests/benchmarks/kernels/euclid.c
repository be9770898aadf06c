#include <math.h>
#include <stdio.h>

static double gcd(double a, double b) { return b == 0 ? a : gcd(b, fmod(a, b)); }

static double coprime(double limit) {
    double pairs = 0;
    for (double a = 1; a <= limit; a += 1)
        for (double b = 1; b <= limit; b += 1)
            if (gcd(a, b) == 1) pairs = pairs + 1;
    return pairs;
}

int main(void) {
    volatile double limit = 3000;
    printf("%.17g\n", coprime(limit));
}
