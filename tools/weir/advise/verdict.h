/* verdict: which functions the blocks of each place in a program outlive, by a profile of
 * WEIR_DEBUG=escape=1 (runtime/profile/escape.h) and the program's code (code.h).
 *
 *     _start   main@10   parse@3   make@7   malloc     a block was allocated there, and freed
 *     _start   main@10   parse@9            free       there
 *
 * The innermost call that both stacks have is main's at 10. Is parse still in the call in which the block was
 * allocated, or has it returned, and main has called it anew? The questions, in their order:
 *
 *   1. The call at 10 is in no loop: it is the same parse. Sure.
 *   2. When parse frees at 9 it has always been at 3, and make never returns without having been at 7. So
 *      this call of parse has allocated a block. Two were never in use at once, so the freed block is that
 *      one. Sure, if all blocks were seen.
 *   3. Several are in use at once, which parse allocates in a loop. Once it has allocated, it always comes to
 *      where it frees, or to the loop around that, before it returns; and main's part of the stack has not
 *      changed. Likely.
 *   4. Else nothing is said of parse: the block is freed before main returns.
 *
 * By default not all blocks are seen, so question 2 has no answer, and 3 is asked of single blocks too.
 */
#ifndef WEIR_TOOLS_ADVISE_VERDICT_H
#define WEIR_TOOLS_ADVISE_VERDICT_H

#include "tools/weir/report/profile.h"

enum { VERDICT_NONE = UINT16_MAX };

/* A stack that allocates, whatever the size. Stacks whose calls are on the same lines are one place; an
 * unrolled loop, for example, has several such stacks. Blocks and bytes are scaled to the whole program. */
typedef struct place {
    const sample_t *sample; /* one of its samples */
    const size_t
        *stack;      /* as long as the sample's: for each call a number that calls from the same line share */
    escape_t escape; /* only the members from `least` on, which are of the place */
    uint64_t samples; /* that were taken, about */
    uint64_t objects, bytes, in_use;
    uint64_t cells; /* bytes that malloc took for them */
    /* Objects: freed by another thread, in an unknown way; that realloc has moved. */
    uint64_t by_thread, unknown, moved;
    /* The index of the innermost function that outlives all its blocks; 0 is the one that allocates.
     * VERDICT_NONE: there is none, or it is not known. */
    size_t holder;
    bool is_likely; /* the holder is likely, not sure */
} place_t;

typedef struct places {
    place_t *of;
    size_t count;
    bool is_exact; /* each block was a sample, and was noted */
} places_t;

/* The caller frees `of`. The stacks are never freed. */
places_t verdict_find(const profile_t *profile);

/* For each location of the profile a number that all of the same line share, as in place_t.stack; the
 * caller frees them. */
size_t *verdict_number_lines(const profile_t *profile);

/* Add to `to` what `from` has: counts add up, the others are minima and maxima. */
void verdict_add_escape(escape_t *to, const escape_t *from);

/* Add to `to` the counts that `from` itself has, and whether it is likely. */
void verdict_add_counts(place_t *to, const place_t *from);

/* Have the two stacks the first `depth` calls in common, from the innermost? */
bool verdict_is_same(const place_t *a, const place_t *b, size_t depth);

#endif
