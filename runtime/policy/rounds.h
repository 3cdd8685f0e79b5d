/* rounds: when the rounds of a concurrent trace end, and its last stop follows.
 *
 * A pure module: what each round found and how long it took in, another round or the last stop out. In each
 * round the objects on pages that were written since the round before are scanned again. The last stop does
 * the same, with the world stopped:
 *
 *     pages written in the last stop  ~  rate of writing * duration of the last round
 *
 * So the last stop lasts no longer than the last round, if the program writes no more pages than the markers
 * can scan meanwhile. Rounds go on until one took no more than half of the budget, or found next to nothing.
 * They also end if they do not get shorter: two in a row that found more than seven eighths of the least so
 * far.
 */
#ifndef WEIR_POLICY_ROUNDS_H
#define WEIR_POLICY_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUNDS_MAX = 16 };

/* Used by the thread that runs the trace. */
typedef struct rounds {
    uint64_t budget_ns; /* for the last stop */
    size_t least;       /* bytes written, in the round that found least */
    uint32_t count;     /* rounds so far */
    uint32_t worse;     /* the last so many found more than seven eighths of the least before them */
} rounds_t;

void rounds_begin(rounds_t *rounds, uint64_t budget_ns);
/* A round has found `written` bytes on written pages, and took `ns` until their objects were scanned. True:
 * another round shortens the last stop. */
bool rounds_go_on(rounds_t *rounds, size_t written, uint64_t ns);

#endif
