/* mark: finding what can be reached.
 *
 * Marking waits for memory. So it goes by spans, not by objects. An object that is found is marked, and its
 * span becomes grey: it waits in a queue until all those before it are done, and meanwhile more of its
 * objects are found. Then all of them are scanned, in the order of their addresses. What is grey is known
 * from two bitmaps: marks without scanned. (Go 1.25 marks so; Knyszek and others, "Green Tea", 2025.) Three
 * more steps hide what waits are left:
 *
 *     word --> candidates --16 words later--> mark --> queue of spans --> prefetch queue --32 later--> scan
 *              its bits are prefetched                                    the object is prefetched
 *
 * The prefetch queue is after Cher, Hosking, Vitek, "Software prefetching for mark-sweep garbage collection",
 * 2004. A word that points into the span that the marker is at goes none of these ways: the marker sets a
 * pending bit, and marks 64 of these by one instruction.
 *
 * Several threads mark at once: work.h.
 *
 * This folder: from the roots to all that can be reached, by several threads.
 */
#ifndef WEIR_GC_MARK_MARK_H
#define WEIR_GC_MARK_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mark_result {
    size_t bytes, objects; /* marked */
    size_t root_bytes;     /* looked through as roots */
} mark_result_t;

/* With the world stopped: nothing is marked, and nothing left to be scanned. */
void mark_begin(void);
/* With the world stopped: take the roots, the caller's own stack beginning at `here`. */
void mark_roots(uintptr_t here);
/* Look through the roots at once, on this thread alone: what they point to is grey. They need not stand still
 * afterwards. */
void mark_scan_roots(void);
/* Mark all that is reached from what was named so far, by so many markers, this thread among them. Then more
 * may be named and marked from there, as often as there is; the result is of it all. */
void mark_run(uint32_t members);
mark_result_t mark_end(void);
/* From now on, or no longer, the program runs while markers do. What a type's function would find is put
 * off: */
void mark_beside(bool beside);
/* until the next run after this, in a stop. */
void mark_resume(void);

/* Those of the slot's cells [first, end) that were scanned are to be scanned again; no marker is at work. */
void mark_again(uint32_t slot, uint32_t first, uint32_t end);
/* The same for a part of the large object in that slot. */
void mark_large_again(uint32_t slot, uintptr_t from, uintptr_t to);

/* What the word points to. */
void mark_word(const void *p);
/* What the object points to, but not the object itself. */
void mark_contents(const void *object);

/* From now on, or no longer, WATCHED spans are looked at: see ephemeron.h. */
void mark_watch(bool watching);

/* From the next collection on, words in collected objects keep alive only what they point to the start of;
 * words in roots, whatever they point into. What was set before. */
bool mark_set_base_only(bool base_only);
/* Does p, found in a collected object, keep the object alive that it points into? */
bool mark_keeps(const void *p);

/* Memory for as many marking threads; false: none. With the world running. */
bool mark_prepare(uint32_t members);

/* The start of the collected object that p points into, or NULL. */
void *mark_base(const void *p);

#endif
