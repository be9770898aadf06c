#include <stdio.h>

static double steps(double c_re, double c_im) {
    double re = 0, im = 0, count = 0;
    for (double i = 1;; i += 1) {
        double next = re * re - im * im + c_re;
        im = 2 * re * im + c_im;
        re = next;
        count = i;
        if (!(i < 1000 && re * re + im * im <= 4)) return count;
    }
}

static double area(double size) {
    double sum = 0;
    for (double y = 0; y <= size; y += 1)
        for (double x = 0; x <= size; x += 1)
            sum = sum + steps(3 * x / size - 2, 2 * y / size - 1);
    return sum;
}

int main(void) {
    volatile double size = 1100;
    printf("%.17g\n", area(size));
}
