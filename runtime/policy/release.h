/* release: how much memory may be held in no span, and so how much goes back to the kernel. Pure arithmetic
 * on sizes and
 * times: no lock, no clock, no system call. idle.c holds one under the pages' lock and does what it says.
 *
 * All sizes are bytes; live = inuse - unused, with unused = what the free cells take of the spans in use.
 *
 *     plain  = inuse + max(live * GOGC / 100 - unused, floor)           floor = 16 MiB * GOGC / 100
 *     most   = peak + max(peak * GOGC / 100, floor)
 *     idle  <= max(plain, min(plain + learnt * min(GOGC, 100) / 100, most)) - inuse
 *
 * The plain rule forgets: a program whose heap breathes by more than it allows gets every page back by a
 * fault. So the rule learns from pages that come back, as a kernel does from the refaults of pages that it
 * evicted (the shadow entries of Linux; Johannes Weiner, 2014), and as tcmalloc holds back from a release
 * what recent demand has used:
 *
 *     given      what the rule has given back and what has not come back yet
 *     learnt     what came back: held from now on. At most `peak`
 *     peak       the most that was in use lately
 *
 * When memory is taken that was not resident, as much of it as was given counts as come back. All three fade
 * by 1 byte in 64 ns (15 MiB/s), peak no lower than what is in use. So pages that come back slower than that
 * teach nothing, and of those that come back faster only what exceeds it is paid for: at 0.6 ms per MiB for a
 * release and the faults after it, the rule costs 1 % of one processor's time, whatever the program does.
 * What was learnt and is not needed any more is gone after learnt / 15 MiB/s.
 *
 * A heap whose blocks grow cannot use what smaller ones left, and at its peak holds both. So idle memory that
 * was not learnt is also given back when memory is taken and more is held than ever. That pays once for each
 * byte of the peak: if what was given comes back, it is learnt. Of what was learnt, as much goes as more is
 * in use than ever: that pays once for each byte of growth.
 *
 * A burst comes back never: it teaches nothing, and is given back at the frees that end it, down to
 * `plain`.
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
        16 * 1024 * 1024, /* with 4 MiB, small programs that breathe pay six times the page faults */
    RELEASE_AT_PEAK = 4 * 1024 * 1024, /* idle memory that is always let be */
    RELEASE_STEP = 256 * 1024,         /* the least that is worth a release */
    RELEASE_FADE_NS = 64,              /* for a byte */
};

typedef struct release {
    int64_t percent; /* GOGC; < 0: nothing is ever released */
    size_t given, learnt, peak;
    size_t highest;    /* of what was held, ever, */
    size_t most_inuse; /* and of what was in use: as release_at_peak saw it */
    uint64_t faded_to; /* ns; 0: at no time yet */
} release_t;

#define RELEASE_INIT                                                                                         \
    {                                                                                                        \
        .percent = 100                                                                                       \
    }

/* What is held now: `idle` with the runtime's own tables, which are held beyond live as well. unused <=
 * inuse. */
typedef struct release_sizes {
    size_t inuse, unused, idle;
} release_sizes_t;

/* The rule's floor: with less than this idle nothing is ever released. */
size_t release_floor(const release_t *rule);
/* The most that may be idle by the plain rule, and by what was learnt as well. */
size_t release_plain_bound(const release_t *rule, size_t inuse, size_t unused);
size_t release_bound(const release_t *rule, size_t inuse, size_t unused);
/* How much to release; 0: nothing. Not before the bound is exceeded by RELEASE_STEP, then down to a 64th
 * less. */
size_t release_excess(const release_t *rule, release_sizes_t sizes);

/* Memory was taken, and more is held than ever. How much to release, so that idle memory that did not serve
 * does not make the program's peak: as much as would keep the peak where it is, of what was learnt no more
 * than the growth; 0: nothing. */
size_t release_at_peak(release_t *rule, release_sizes_t sizes);

/* Time has passed, on a clock that does not go back. */
void release_fade(release_t *rule, size_t inuse, uint64_t now);
/* The rule has given so much back. What the program or a limit asked for teaches nothing, and is not told. */
void release_note_given(release_t *rule, size_t bytes);
/* A request for memory was refused: what was learnt to be held is what is lacking. */
static inline void release_forget(release_t *rule)
{
    rule->given = rule->learnt = 0;
}
/* Memory was taken that was not resident. `inuse`: with it. */
void release_note_fresh(release_t *rule, size_t bytes);
static inline void release_note_inuse(release_t *rule, size_t inuse)
{
    if (inuse > rule->peak)
        rule->peak = inuse;
}

#endif
