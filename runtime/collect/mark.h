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

/* With the world stopped: take the roots, the caller's own stack beginning at `here`; mark all that they reach. Then more
 * may be named and marked from there, as often as there is; the result is of it all. */
void mark_begin(uintptr_t here);
void mark_run(bool alone);
mark_result_t mark_end(void);
/* What the word points to. */
void mark_word(const void *p);
/* What the object points to, but not the object itself. */
void mark_contents(const void *object);

/* From now on, or no longer, WATCHED spans are heeded: see ephemeron.h. */
void mark_watch(bool watching);

/* From the next collection on, words in collected objects keep alive only what they point to the start of; words in roots,
 * whatever they point into. What was set before. */
bool mark_set_base_only(bool base_only);
/* Does p, found in a collected object, keep the object alive that it points into? */
bool mark_heeds(const void *p);

/* Memory for as many marking threads; false: none. With the world running. */
bool mark_prepare(uint32_t members);

/* The start of the collected object that p points into, or NULL. */
void *mark_base(const void *p);

/* Entries of a mark stack, for tests: 0 for the usual. */
void mark_set_stack_limit(size_t entries);

#endif
