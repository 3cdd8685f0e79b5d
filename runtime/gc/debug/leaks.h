/* leaks: blocks of malloc that nothing points to any more, grouped by the calls that allocated them
 * (profile/origin.h).
 *
 * Under WEIR_DEBUG=leaks=1 all memory of malloc is collected memory, but a cycle frees nothing: it marks what
 * the roots reach, and a block that stays unmarked has leaked. A leaked block that another leaked block
 * points to has leaked indirectly: freeing the other properly would have freed it. So all blocks of a ring
 * are indirect. These are LeakSanitizer's rules.
 */
#ifndef WEIR_GC_DEBUG_LEAKS_H
#define WEIR_GC_DEBUG_LEAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEAKS_DIRECT, LEAKS_INDIRECT, LEAKS_KINDS };

/* The leaks of one stack of calls. Under leakrate=N stack 0 stands for all blocks that were not sampled. */
typedef struct leak_group {
    size_t bytes[LEAKS_KINDS], blocks[LEAKS_KINDS];             /* bytes as asked for */
    double about_bytes[LEAKS_KINDS], about_blocks[LEAKS_KINDS]; /* estimates from the samples: sample.h */
} leak_group_t;

/* Find the leaks. The world is stopped, and everything that the roots reach is marked. */
void leaks_look(void);

/* What leaks_look has found since the last call: an array of *count groups, indexed by the stack's number.
 * NULL: it was not called. */
const leak_group_t *leaks_found(uint32_t *count);

#endif
