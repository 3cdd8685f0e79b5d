/* rounds: running candidates, one after the other in each round, and each round beginning with another one,
 * so that what disturbs the machine disturbs all alike. The results of each are appended to a file of its
 * own, in Go's benchmark format.
 */
#ifndef WEIR_TOOLS_BENCH_ROUNDS_H
#define WEIR_TOOLS_BENCH_ROUNDS_H

#include <stdbool.h>

#include "tools/weir/bench/candidate.h"

typedef struct rounds {
    const char *folder;    /* the files are FOLDER/LABEL.txt */
    unsigned count;        /* rounds */
    const char *benchtime; /* of our programs: how long for each benchmark */
    const char *match;     /* of our programs: which benchmarks */
    char **program;        /* the caller's, ending with NULL; NULL: our programs */
} rounds_t;

/* Where the results of a candidate are; freed by the caller. */
char *rounds_path(const rounds_t *rounds, const candidate_t *candidate);

/* False, after a line on stderr, if a program failed. */
bool rounds_run(const rounds_t *rounds, const candidates_t *candidates);

#endif
