/* candidate: one way to do what a family of benchmarks does: a program, under a malloc. */
#ifndef WEIR_TOOLS_BENCH_CANDIDATE_H
#define WEIR_TOOLS_BENCH_CANDIDATE_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/weir/sweep/setting.h"

typedef struct candidate {
    const char *label; /* the column of the table */
    char *program;     /* its path; NULL: the caller's own program */
    setting_t setting; /* under which malloc */
} candidate_t;

typedef struct candidates {
    candidate_t *all;
    size_t count;
} candidates_t;

/* The candidates of "pool", "arena" or "malloc": the installed programs, under the C library's malloc, under
 * weir and under the other mallocs that are installed. With `own`, the caller's program under all of these. A
 * malloc that is not installed is left out, with a line on stderr. False, after a line, if there is no such
 * family, or its programs are not installed. */
bool candidates_find(candidates_t *candidates, const char *family, bool own);

#endif
