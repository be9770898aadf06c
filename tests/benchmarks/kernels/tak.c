#include <stdio.h>

static double tak(double x, double y, double z) {
    return y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z;
}

int main(void) {
    volatile double x = 24, y = 16, z = 4;
    printf("%.17g\n", tak(x, y, z));
}
