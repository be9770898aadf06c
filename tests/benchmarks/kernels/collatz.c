#include <math.h>
#include <stdio.h>

static double half(double n) { return n / 2; }
static double is_even(double n) { return floor(half(n)) * 2 == n; }
static double up(double n) { return 3 * n + 1; }
static double next(double n) { return is_even(n) ? half(n) : up(n); }
static double length(double n, double steps) { return n == 1 ? steps : length(next(n), steps + 1); }

static double longest(double limit) {
    double best = 0, found = 0;
    for (double start = 1; start <= limit; start += 1) {
        double here = length(start, 0);
        if (here > best) {
            best = here;
            found = start;
        }
    }
    return found;
}

int main(void) {
    volatile double limit = 2500000;
    printf("%.17g\n", longest(limit));
}
