/* leaks: blocks of malloc that nothing points to any more, grouped by the calls that allocated them
 * (profile/origin.h).
 *
 * Under WEIR_DEBUG=leaks=1 all memory of malloc is collected memory, but a cycle only looks: it marks what
 * the roots reach; what is not marked then has leaked; and all of it is kept. A leaked block that another
 * leaked block points to has leaked
 * indirectly: freeing the other properly would have freed it. So all blocks of a ring are indirect.
 * LeakSanitizer's rules.
 */
#ifndef WEIR_GC_DEBUG_LEAKS_H
#define WEIR_GC_DEBUG_LEAKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEAKS_DIRECT, LEAKS_INDIRECT, LEAKS_KINDS };

/* Of one stack; under leakrate=N that of what was not sampled is stack 0. */
typedef struct leak_group {
    size_t bytes[LEAKS_KINDS], blocks[LEAKS_KINDS];             /* bytes as asked for */
    double about_bytes[LEAKS_KINDS], about_blocks[LEAKS_KINDS]; /* that they stand for: sample.h */
} leak_group_t;

/* With the world stopped, when all is marked that the roots reach. */
void leaks_look(void);

/* What the look since the last call found, by the stacks' numbers below *count; NULL: there was none. */
const leak_group_t *leaks_found(uint32_t *count);

#endif
