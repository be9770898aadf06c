#include <stdio.h>

static double populations(double steps) {
    double prey = 10, predators = 5, total = 0;
    for (double i = 1; i <= steps; i += 1) {
        double births = prey * (0.66 - 0.5 * predators / 10) * 0.001;
        double deaths = predators * (0.1 * prey - 1) * 0.001;
        prey = prey + births;
        predators = predators + deaths;
        total = total + prey - predators;
    }
    return total;
}

int main(void) {
    volatile double steps = 150000000;
    printf("%.17g\n", populations(steps));
}
