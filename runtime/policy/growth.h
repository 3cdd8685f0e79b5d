/* growth: the trigger of the next cycle. Pure arithmetic on sizes; limit.c has the growth_t, under the pages'
 * lock.
 *
 *     trigger = low + max(low, 4 MiB) * GOGC / 100
 *
 * where low is the least that was in use since the last cycle. A heap that grows by GOGC percent triggers a
 * cycle, as in Go; so does one that shrinks and grows again by as much. Manual memory has no garbage, so what
 * counts is what is in use, not what was allocated.
 *
 * A limit requests cycles, too: see limit.h.
 */
#ifndef WEIR_POLICY_GROWTH_H
#define WEIR_POLICY_GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All sizes in bytes in use. */
typedef struct growth {
    bool subscribed; /* there is a listener to cycles; without one nothing is ever requested */
    size_t low;      /* the least since the last cycle */
    size_t trigger;  /* a cycle is requested from here on */
} growth_t;

#define GROWTH_UNSUBSCRIBED                                                                                  \
    {                                                                                                        \
        .trigger = SIZE_MAX                                                                                  \
    }

/* A cycle has ended (or the first listener has come): measure from here. `percent` < 0: growth asks for
 * none. */
void growth_restart(growth_t *growth, size_t inuse, int64_t percent);
/* The percentage has changed. */
void growth_aim(growth_t *growth, int64_t percent);

/* Less is in use than before. */
static inline void growth_fell(growth_t *growth, size_t inuse, int64_t percent)
{
    if (inuse < growth->low) {
        growth->low = inuse;
        growth_aim(growth, percent);
    }
}

#endif
