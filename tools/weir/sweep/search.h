/* search: the setting that keeps a bound, found by running the program.
 *
 * Of the two quantities that a setting exchanges, memory falls and time grows as the growth percentage falls.
 * So the percentage at which a bound begins to hold is found by halving an interval, on a logarithmic scale:
 *
 *     a bound on the peak        the largest percentage that keeps it; and, since a limit may do it at less
 *                                cost, memory limits below the bound with the growth rule off, each lower by
 *                                what the last went over
 *     a bound on the slowdown    the smallest percentage that keeps it, against the default in runs that
 *                                alternate with it: the median of the ratios counts
 *
 * Of the settings that keep the bound the best is taken: the fastest under a bound on memory, the smallest
 * under one on time; of those that are as good as it, as far as the runs tell, the best in the other
 * quantity.
 */
#ifndef WEIR_TOOLS_SWEEP_SEARCH_H
#define WEIR_TOOLS_SWEEP_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/weir/sweep/study.h"

typedef struct search {
    study_t *study;      /* without settings at first; with all that were tried in the end */
    uint64_t max_peak;   /* bytes; 0: the bound is on the slowdown */
    double max_slowdown; /* 0.05: 5 % more time than the default */
    bool stopped;        /* a signal came, or nothing could be started */
} search_t;

enum { SEARCH_NONE = -1 };

/* The index of the setting that was found; SEARCH_NONE: no setting keeps the bound. */
int search_run(search_t *search);

/* Of a setting that was tried: does it keep the bound? */
bool search_keeps(const search_t *search, size_t setting);
/* Its time as a multiple of the default's, by pairs of runs. */
double search_ratio(const search_t *search, size_t setting);

#endif
