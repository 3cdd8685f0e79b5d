/* statistics: the figures of `weir benchstat`: pure functions of samples.
 *
 * Nothing is assumed of how measurements are distributed: the centre is the median, its interval comes from
 * order statistics, and two samples are compared by the Mann-Whitney U test. Where several ways are in use,
 * the one taken is that of golang.org/x/perf/benchmath, so that both programs print the same; statistics.c
 * says where it is not.
 */
#ifndef WEIR_TOOLS_BENCHSTAT_STATISTICS_H
#define WEIR_TOOLS_BENCHSTAT_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

/* Sort ascending: what all functions here that say "sorted" need. */
void statistics_sort(double *values, size_t count);

/* Of a sorted sample of at least one. */
double statistics_median(const double *sorted, size_t count);

/* Which order statistics, 1 to count, enclose the median of the population with at least this confidence (0
 * to 1). 0, or count + 1, stands for infinity: the sample is too small for a bound. */
struct order_interval {
    size_t low, high;
};
struct order_interval statistics_median_interval(size_t count, double confidence);

/* The probability that two samples of one population differ by as much as these or more: the two-sided U test
 * of sorted samples. Exact up to 50 values on either side (25 if values are tied), beyond that by the normal
 * approximation, corrected for ties and continuity. Negative if all values are equal: there is nothing to
 * test. */
double statistics_u_test(const double *left, size_t left_count, const double *right, size_t right_count);

/* The smallest p that the U test can give two samples of this size each. */
double statistics_u_test_least(size_t count);

/* Above 0 only if every value is; otherwise, or of none, it is NaN. */
double statistics_geomean(const double *values, size_t count);

#endif
