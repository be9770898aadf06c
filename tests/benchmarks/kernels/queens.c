#include <math.h>
#include <stdio.h>

static double has(double set, double bit) { return fmod(floor(set / bit), 2); }

static double ways(double rows, double last, double columns, double left, double right) {
    if (rows == 0) return 1;
    double found = 0;
    for (double bit = 1; bit <= last; bit += bit)
        if (has(columns, bit) + has(left, bit) + has(right, bit) == 0)
            found += ways(rows - 1, last, columns + bit, floor((left + bit) / 2), (right + bit) * 2);
    return found;
}

static double queens(double size) { return ways(size, pow(2, size - 1), 0, 0, 0); }

int main(void) {
    volatile double size = 12;
    printf("%.17g\n", queens(size));
}
