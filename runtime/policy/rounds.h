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
 *
 * A program that writes nearly as fast as the markers scan is slowed down: what a round found is to be half
 * of the least so far. If it is not, the brake goes up by one. With it each thread that allocates waits a
 * moment, twice as long for each further step, in which it writes nothing. Many such moments take the program
 * little more time than one long stop, but none of its operations takes long. (Virtual machines move to
 * another host by the same method: QEMU calls it auto-converge.)
 *
 * The rounds also end if nothing helps: two in a row that found more than seven eighths of the least so far,
 * while the brake is at its end, or no thread allocates.
 */
#ifndef WEIR_POLICY_ROUNDS_H
#define WEIR_POLICY_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUNDS_MAX = 16, ROUNDS_BRAKE_MAX = 3, ROUNDS_MOMENT_NS = 1000 * 1000 /* a moment */ };

/* Used by the thread that runs the trace. */
typedef struct rounds {
    uint64_t budget_ns; /* for the last stop */
    size_t least;       /* bytes written, in the round that found least */
    uint32_t count;     /* rounds so far */
    uint32_t worse;     /* the last so many found more than seven eighths of the least before them */
    uint32_t brake;     /* 0: threads that allocate go on; else they wait, 2^(brake - 1) moments */
} rounds_t;

void rounds_begin(rounds_t *rounds, uint64_t budget_ns);
/* A round has found `written` bytes on written pages, and scanned their objects in `ns`. The time in which
 * the kernel was asked does not count: it is the same in each round, and in the last stop. `slowed`: the
 * brake has made threads wait in it. True: another round shortens the last stop. */
bool rounds_go_on(rounds_t *rounds, size_t written, uint64_t ns, bool slowed);

#endif
