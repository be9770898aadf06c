#include <stdio.h>

static double tak(double x, double y, double z) {
    return y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z;
}

int main(void) { printf("%.17g\n", tak(24, 16, 4)); }
