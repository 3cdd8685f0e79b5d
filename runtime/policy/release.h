/* release: the rule that says how much memory may be idle, and so how much is released. Pure arithmetic on
 * sizes and times: no lock, no clock, no system call. idle.c has the release_t, under the pages' lock, and
 * releases what the rule says.
 *
 * All sizes are bytes; live = inuse - unused, where unused = the bytes of the free cells in the spans in use.
 *
 *     plain  = inuse + max(live * GOGC / 100 - unused, floor)           floor = 16 MiB * GOGC / 100
 *     most   = peak + max(peak * GOGC / 100, floor)
 *     idle  <= max(plain, min(plain + learnt * min(GOGC, 100) / 100, most)) - inuse
 *
 * The plain rule remembers nothing: if a heap shrinks and grows again by more than `plain` allows, the
 * program gets every page back by a fault. So the rule learns from pages that come back, as a kernel does
 * from the refaults of pages that it evicted (the shadow entries of Linux; Johannes Weiner, 2014), and as
 * tcmalloc holds back from a release what recent demand has used:
 *
 *     given      what the rule has given back, as far as it has not come back yet
 *     learnt     what came back: held from now on. At most `peak`
 *     peak       the most that was in use lately
 *
 * When `bytes` are taken that were not resident, min(bytes, given) of them count as come back. All three
 * fade by 1 byte in 64 ns (15 MiB/s); peak does not fade below what is in use. So pages that come back more
 * slowly than that teach nothing, and learnt memory is released no faster than that. A release and the
 * faults after it take 0.6 ms per MiB: so the rule costs 1 % of one processor's time, whatever the program
 * does. What was learnt and is not needed any more is gone after learnt / 15 MiB/s.
 *
 * A heap whose blocks grow cannot use the memory that smaller ones left, and holds both at its peak. So idle
 * memory that was not learnt is also given back when memory is taken and more is held than ever before. This
 * is paid for once for each byte of the peak: if what was given back comes back, it is learnt. Idle memory
 * that was learnt is given back only as far as more is in use than ever before. This is paid for once for
 * each byte of growth.
 *
 * The memory of a burst never comes back: it teaches nothing, and is given back at the frees that end the
 * burst, down to `plain`.
 *
 * This folder: arithmetic that decides: how much may be held, when a cycle is due, how long it may take.
 * Sizes and times are arguments; no lock, no clock, no state of others. Tested by simulation.
 */
#ifndef WEIR_POLICY_RELEASE_H
#define WEIR_POLICY_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RELEASE_FLOOR =
        16 * 1024 * 1024, /* with 4 MiB, small programs that shrink and grow pay six times the faults */
    RELEASE_AT_PEAK = 4 * 1024 * 1024, /* idle memory that release_at_peak always leaves */
    RELEASE_STEP = 256 * 1024,         /* the least that is worth a release */
    RELEASE_FADE_NS = 64,              /* to fade by a byte */
};

typedef struct release {
    int64_t percent; /* GOGC; < 0: nothing is ever released */
    size_t given, learnt, peak;
    size_t highest;    /* the most that was ever held, at a call of release_at_peak */
    size_t most_inuse; /* the most that was ever in use, at such a call */
    uint64_t faded_to; /* the three have faded up to this time, ns; 0: never yet */
} release_t;

#define RELEASE_INIT                                                                                         \
    {                                                                                                        \
        .percent = 100                                                                                       \
    }

/* What is held now. unused <= inuse. For release_excess `idle` includes the runtime's own tables, which are
 * held beyond what is live, too; for release_at_peak it does not. */
typedef struct release_sizes {
    size_t inuse, unused, idle;
} release_sizes_t;

/* The rule's floor: while no more than this is idle, release_excess is 0. */
size_t release_floor(const release_t *rule);
/* The most that may be idle by the plain rule, and by what was learnt as well. */
size_t release_plain_bound(const release_t *rule, size_t inuse, size_t unused);
size_t release_bound(const release_t *rule, size_t inuse, size_t unused);
/* How much to release; 0: nothing. It is 0 until the bound is exceeded by RELEASE_STEP; then the release goes
 * down to 1/64 below the bound. */
size_t release_excess(const release_t *rule, release_sizes_t sizes);

/* Memory was taken. How much idle memory to release, so that idle memory that could not be used does not
 * raise the program's peak? 0: nothing. Here `idle` is without the runtime's own tables: nothing can be
 * released in exchange for them, and tables as large as RELEASE_AT_PEAK would leave nothing of that, not even
 * the rest of a huge page that a heap has just begun. With spare = idle - RELEASE_AT_PEAK, and differences
 * that stop at 0, at most
 *     min(held - highest, spare, max(spare - learnt, inuse - most_inuse)) */
size_t release_at_peak(release_t *rule, release_sizes_t sizes);

/* Time has passed, on a clock that does not go back. */
void release_fade(release_t *rule, size_t inuse, uint64_t now);
/* Note that the rule has given `bytes` back. What is released because the program or a limit asked for it
 * teaches nothing, and is not noted. */
void release_note_given(release_t *rule, size_t bytes);
/* A request for memory was refused: forget what was learnt, since the memory held for it is needed now. */
static inline void release_forget(release_t *rule)
{
    rule->given = rule->learnt = 0;
}
/* Note that memory was taken: `bytes` that were not resident; `inuse` bytes are in use with it. */
void release_note_fresh(release_t *rule, size_t bytes);
static inline void release_note_inuse(release_t *rule, size_t inuse)
{
    if (inuse > rule->peak)
        rule->peak = inuse;
}

#endif
