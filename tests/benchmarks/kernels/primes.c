#include <math.h>
#include <stdio.h>

static double divides(double d, double n) { return floor(n / d) * d == n; }

static double is_prime_from(double n, double d) {
    if (d * d > n) return 1;
    if (divides(d, n)) return 0;
    if (divides(d + 2, n)) return 0;
    return is_prime_from(n, d + 6);
}

static double is_prime(double n) {
    if (n < 4) return n > 1;
    if (divides(2, n)) return 0;
    if (divides(3, n)) return 0;
    return is_prime_from(n, 5);
}

static double count(double limit) {
    double primes = 0;
    for (double n = 2; n <= limit; n += 1) primes = primes + is_prime(n);
    return primes;
}

int main(void) {
    volatile double limit = 10000000;
    printf("%.17g\n", count(limit));
}
