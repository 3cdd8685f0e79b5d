/* mark: finding what can be reached.
 *
 * Marking waits for memory: an object's first word is a cache miss. So an object that is found goes to the mark stack;
 * from there it passes through a ring of RING addresses, being prefetched as it enters, and is scanned as it leaves
 * (Cher, Hosking, Vitek, "Software prefetching for mark-sweep garbage collection", 2004).
 *
 *     word --is an object, unmarked--> mark it --> stack --prefetch--> ring --> scan its words --> ...
 *
 * Several threads mark at once. One that has much to do leaves packets of its stack for those that have nothing. Large
 * objects and root ranges are shared as ranges, from which everybody takes pieces.
 *
 * The memory for marking is bounded. What does not fit is marked all the same, and its span remembered; afterwards the
 * marked objects of such spans are scanned again, until nothing is left over.
 */
#ifndef WEIR_COLLECT_MARK_H
#define WEIR_COLLECT_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mark_result {
    size_t bytes, objects; /* marked */
    size_t root_bytes;     /* looked through as roots */
    uint32_t rescans;      /* rounds because the stack was full */
} mark_result_t;

/* Mark all that the roots reach: the caller's own stack begins at `here`. The world is stopped. */
mark_result_t mark_all(uintptr_t here, bool alone);

/* Memory for as many marking threads; false: none. With the world running. */
bool mark_prepare(uint32_t members);

/* The start of the collected object that p points into, or NULL. */
void *mark_base(const void *p);

/* Entries of a mark stack, for tests: 0 for the usual. */
void mark_set_stack_limit(size_t entries);

#endif
