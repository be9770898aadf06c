#include <math.h>
#include <stdio.h>

static double divisor(double n) {
    if (fmod(n, 2) == 0) return 2;
    for (double d = 3;; d += 2) {
        if (d * d > n) return n;
        if (fmod(n, d) == 0) return d;
    }
}

static double is_prime(double n) { return n < 2 ? 0 : divisor(n) == n; }

static double count(double limit) {
    double primes = 0;
    for (double n = 2; n <= limit; n += 1) primes = primes + is_prime(n);
    return primes;
}

int main(void) {
    volatile double limit = 1000000;
    printf("%.17g\n", count(limit));
}
