/* mark: finding what can be reached.
 *
 * Marking mostly waits for memory, so it works by spans, not by objects. An object that is found is marked,
 * and its span becomes grey: the span waits in a queue, and meanwhile more of its objects are found. At the
 * span's turn all of them are scanned, in the order of their addresses. Two bitmaps tell which objects are
 * grey: those that are marked and not scanned. (Go 1.25 marks so; Knyszek and others, "Green Tea", 2025.)
 * Three more steps hide the waits that are left:
 *
 *     word --> candidates --16 words later--> mark --> queue of spans --> prefetch queue --32 later--> scan
 *              its bits are prefetched                                    the object is prefetched
 *
 * The prefetch queue is after Cher, Hosking, Vitek, "Software prefetching for mark-sweep garbage collection",
 * 2004. A word that points into the span being scanned takes none of these steps: the marker sets a pending
 * bit, and later marks 64 of these by one instruction.
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

/* May a trace go on from the marks of the last? A trace function may read what is not watched. Under another
 * rule for interior pointers, other objects may be reached. */
bool mark_can_go_on(void);
/* With the world stopped, after collected_begin_trace: forget the work and the counts of the last trace. */
void mark_begin(void);
/* With the world stopped: take the roots, the caller's own stack beginning at `here`. In the first stop of a
 * concurrent trace the small ones are scanned now, on this thread alone, and the others put off: mark_run
 * scans them, as they are then. */
void mark_roots(uintptr_t here);
/* Beside the program: mark_run scans these roots, if they can be read by then. No marker is at work. */
void mark_root_beside(uintptr_t from, uintptr_t to);
/* Mark everything that is reached from the roots and words given so far, by `members` markers, the caller
 * among them. More words may be given afterwards, and mark_run called again; mark_end counts all. */
void mark_run(uint32_t members);
/* The same, but the markers from `active` on join only after work_hasten (work.h). */
void mark_run_spare(uint32_t members, uint32_t active);
/* Bytes that were marked so far; while markers are at work, about so many. By any thread. */
size_t mark_progress(void);
mark_result_t mark_end(void);
/* `beside`: from now on the program runs while markers do. Then markers put off objects whose type has a
 * trace function. In a stop. */
void mark_beside(bool beside);
/* In a stop: the next mark_run scans the objects that were put off. */
void mark_resume(void);

/* Rescanning by all markers (mark_written.c): before the rounds of a concurrent trace, get the memory for it,
 * and afterwards give it back. */
void mark_written_begin(void);
void mark_written_end(void);
/* These pages of the slot, a bit each, were written: the next mark_run rescans the objects there. False:
 * there is no memory to note that. No marker is at work. */
bool mark_written_add(uint32_t slot, uint32_t pages);

/* Those of the slot's cells [first, end) that were scanned are to be scanned again; no marker is at work. */
void mark_again(uint32_t slot, uint32_t first, uint32_t end);
/* The same for a part of the large object in that slot. */
void mark_large_again(uint32_t slot, uintptr_t from, uintptr_t to);

/* Mark the objects that the words [from, to) point to; no marker is at work. The words are read now. */
void mark_words(uintptr_t from, uintptr_t to);
/* Mark the object that p points into. */
void mark_word(const void *p);
/* Mark what the object points to, but not the object itself. */
void mark_contents(const void *object);

/* `watching`: from now on markers look at the flag WATCHED of spans: see ephemeron.h. */
void mark_watch(bool watching);

/* From the next collection on, a word in a collected object keeps another alive only if it points to its
 * start; a word in the roots, if it points anywhere into it. Returns the previous setting. */
bool mark_set_base_only(bool base_only);
/* Does p, found in a collected object, keep the object alive that it points into? */
bool mark_keeps(const void *p);

/* Get the memory for `members` markers, while the world runs. False: out of memory. */
bool mark_prepare(uint32_t members);
/* After that, before the first stop of a concurrent trace. */
void mark_prepare_beside(void);

/* The start of the collected object that p points into, or NULL. */
void *mark_base(const void *p);

#endif
