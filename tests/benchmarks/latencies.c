/* How long one operation takes that waits for the one before: for LIMITS.md. The fastest of seven runs of each.
   gcc -O2 -march=native -ffp-contract=off -o latencies latencies.c -lm && ./latencies */
#include <stdio.h>
#include <time.h>

enum { STEPS = 20000000, RUNS = 7 };

static double nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

/* The empty assembly keeps the compiler from computing several steps at once. */
#define CHAIN(name, expression)                                              \
    do {                                                                     \
        double best = 1e9;                                                   \
        for (int run = 0; run < RUNS; run++) {                               \
            volatile double start = 1.5;                                     \
            double x = start, begin = nanoseconds();                         \
            for (long i = 0; i < STEPS; i++) {                               \
                x = expression;                                              \
                __asm__ volatile("" : "+x"(x));                              \
            }                                                                \
            double each = (nanoseconds() - begin) / STEPS;                   \
            if (each < best) best = each;                                    \
        }                                                                    \
        printf("%-16s %.2f ns\n", name, best);                               \
    } while (0)

int main(void) {
    CHAIN("x + 1", x + 1.0);
    CHAIN("x * c", x * 1.0000001);
    CHAIN("c / x", 3.0 / x);
    CHAIN("floor(x)", __builtin_floor(x));
    CHAIN("sqrt(x)", __builtin_sqrt(x));
    CHAIN("x * c + 1", x * 0.999 + 1.0);
}
