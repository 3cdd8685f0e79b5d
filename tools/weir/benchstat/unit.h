/* unit: what units mean, and numbers in them, as golang.org/x/perf/benchunit has it. */
#ifndef WEIR_TOOLS_BENCHSTAT_UNIT_H
#define WEIR_TOOLS_BENCHSTAT_UNIT_H

#include <stdbool.h>
#include <stddef.h>

enum { UNIT_TEXT_SIZE = 400 }; /* of a number as text: the longest double is 309 digits */

/* The unit in base units: "ns" and "MB" in the numerator become "sec" and "B". *factor is what a value is
 * multiplied by. The caller frees the result. */
char *unit_tidy(const char *unit, double *factor);

/* Bytes are counted in Ki, Mi, …, everything else in k, M, …. */
bool unit_is_binary(const char *unit);

/* One prefix for several values, so that the one closest to zero has at least three digits. */
struct scale {
    double factor;
    const char *prefix;
    int decimals;
};
struct scale unit_scale(const double *values, size_t count, bool binary);
void unit_format(struct scale scale, double value, char text[UNIT_TEXT_SIZE]);

/* The shortest decimal that reads back as this value, as Go's %v prints it: 1.5e-06, 100000, 1e+06. */
void unit_format_exact(double value, char text[UNIT_TEXT_SIZE]);

#endif
