/* study: a program run under several settings, several times each, and what comes out.
 *
 * The runs are interleaved, one round after the other, and each round begins with another setting: what
 * disturbs the machine for a while disturbs all settings alike. A run that fails counts in no figure.
 */
#ifndef WEIR_TOOLS_SWEEP_STUDY_H
#define WEIR_TOOLS_SWEEP_STUDY_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/weir/sweep/front.h"
#include "tools/weir/sweep/measure.h"
#include "tools/weir/sweep/setting.h"

enum figure {
    FIGURE_WALL,     /* seconds */
    FIGURE_CPU,      /* seconds */
    FIGURE_PEAK,     /* bytes */
    FIGURE_AVERAGE,  /* bytes */
    FIGURE_CYCLES,   /* collections */
    FIGURE_STOP,     /* nanoseconds */
    FIGURE_RELEASED, /* bytes */
    FIGURES,
};

/* Of the good runs. */
typedef struct sweep_summary {
    double median, low, high;
} sweep_summary_t;

/* All runs under one setting. */
typedef struct series {
    run_t *runs;
    size_t count, good; /* runs so far, and those that did not fail */
    size_t first;       /* runs of setting 0 when these began (search.h) */
    size_t accounts;    /* good runs in which a process wrote an account */
    sweep_summary_t figures[FIGURES];
} series_t;

typedef struct study {
    sweep_measure_t measure;
    settings_t settings;
    unsigned repeat;
    enum figure time, memory; /* what is weighed against what */
    series_t *series;         /* one for each setting */
    point_t *points;          /* likewise; baselines do not count among them */
    int knee;                 /* its setting, or FRONT_NONE */
} study_t;

/* Run everything and summarise; not more than one round if all of it fails. False: nothing more could be
 * started, or a signal came; what there is is summarised. */
bool study_run(study_t *study);
/* One round more, of the settings for which `chosen` is true. */
bool study_round(study_t *study, const bool *chosen);
void study_summarise(study_t *study);
/* Make room for the settings that were added behind the first `settings_before`. */
void study_grow(study_t *study, size_t settings_before);

/* Half of what lies between the smallest and the largest run, as a part of the median. */
double summary_spread(const sweep_summary_t *summary);

/* Is the difference between the settings of weir no larger than that between runs of one of them? */
bool study_makes_no_difference(const study_t *study, enum figure figure);
/* Runs that failed. */
size_t study_failed(const study_t *study);

#endif
