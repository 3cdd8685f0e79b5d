/* pages: slots for spans and large objects, huge objects, and what is held idle.
 *
 * Slots come from runs (runs.h), huge objects from the extent allocator (huge.h). Idle memory is bounded by a
 * rule of its own (idle.h). Before memory is taken that would bring what is held over the soft limit, idle
 * memory is released; over the hard limit the request is refused (limit.h). There is no thread and no timer:
 * a program that goes idle has been trimmed by its last frees. Where releasing is not enough, and when the
 * heap has grown (growth.h), a cycle is requested: the flag is raised here, and read without the lock
 * (cycle/cycle.h).
 *
 * This folder: slots and huge objects: taking and giving them, what is held idle, giving it back to the
 * kernel, the limits. One lock for all of it.
 */
#ifndef WEIR_PAGES_PAGES_H
#define WEIR_PAGES_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/os/lock.h"
#include "runtime/pages/pages_state.h"
#include "runtime/region/region.h"

enum { HUGE_MIN = 2 * 1024 * 1024 }; /* larger objects are the extent allocator's */

/* Reserve the region and carve the first chunk. */
bool pages_init(void);

/* Take `count` slots (at most a chunk's), the first at a multiple of `alignment` slots, for a use of `pages`
 * pages from the start. Their descriptors are as a former user left them but for `touched`; what that was
 * before, slot by slot, goes into `before` unless it is NULL: those pages may hold anything, the others read
 * as zero. With `before` the run is one object, and its bytes are noted in the first descriptor (span_bytes);
 * without, a small span, of which the owner tells what is touched (pages_touch). 0: refused, ENOMEM. */
uint32_t pages_take(uint32_t count, size_t pages, size_t alignment, uint8_t *before);
/* A slot for a span of small cells, whose pages are touched one by one (pages_touch). is_full: it is going to
 * be used up soon, all of it, so the memory may come by huge pages. */
uint32_t pages_take_span(bool is_full);
void pages_give(uint32_t slot, uint32_t count, size_t pages);
/* Take the slots after a run as well, in place, if they are free. */
bool pages_extend(uint32_t slot, uint32_t count, size_t pages, uint32_t new_count, size_t new_pages);
/* Give the end of a run back. */
void pages_shrink(uint32_t slot, uint32_t count, size_t pages, uint32_t new_count, size_t new_pages);

/* Huge objects: any size and alignment. *size becomes what it really has. */
void *pages_take_huge(size_t *size, size_t alignment, bool zeroed);
void pages_give_huge(void *memory, size_t size);
/* Take one that `moved` bytes of another block will be moved to (os_move_pages): the limits count them
 * once. */
void *pages_take_huge_to_move(size_t *size, size_t moved);
/* A block, of slots or huge, goes back; of its front, `gone` bytes have no pages any more. `moved`: those are
 * in the block that was taken for them. */
void pages_give_without(uint32_t slot, uint32_t count, size_t pages, size_t gone, bool moved);
void pages_give_huge_without(void *memory, size_t size, size_t gone, bool moved);
/* One whose pages, all of its slots', were decommitted (region_decommit). */
void pages_give_uncommitted(uint32_t slot, uint32_t count, size_t pages);
void pages_give_huge_uncommitted(void *memory, size_t size);
/* They cannot be moved: from now on they count in both. False: the hard limit refuses that. */
bool pages_not_moved(size_t moved);
size_t pages_extend_huge(void *memory, size_t size, size_t wanted);
/* Give up what is beyond `wanted` bytes, about; the size it has then. */
size_t pages_shrink_huge(void *memory, size_t size, size_t wanted);

/* The kernel has just refused to commit: what is free gives up its commitment. True: ask again. */
bool pages_make_room(void);

/* Memory for the runtime's own structures: zeroed, never given back. */
void *pages_metadata(size_t size);
/* An array of such memory that is full, with *room elements of `size` bytes, twice as long; of none, one of
 * `first`. The old one is free. NULL: no memory, and nothing has changed. */
void *pages_grown(const void *array, size_t *room, size_t first, size_t size);

/* Release until no more than `keep` bytes are idle, and the touched ends of slots behind large objects. True
 * if anything was released. */
bool pages_trim(size_t keep);

/* Time has passed: what the rule remembers has faded, and what it no longer allows goes back. */
void pages_apply_rule(void);

/* The knobs; all act at once. */
void pages_set_gc_percent(int64_t percent);
/* The old limit; see limit.h. */
int64_t pages_set_soft_limit(int64_t bytes);
int64_t pages_set_hard_limit(int64_t bytes);
/* They are shares of the memory there is, in percent, and follow it; 0: not. */
void pages_follow_memory(unsigned soft_percent, unsigned hard_percent);
/* Does the soft limit count all of the process? The old scope. */
bool pages_set_limit_scope(bool is_process);
/* As they are now; the soft one also less what is not the runtime's. Without the lock. */
int64_t pages_soft_limit(void);
int64_t pages_hard_limit(void);
int64_t pages_soft_room(void);
/* Anonymous memory of the process that is resident, and what of it is not the runtime's, as the soft limit
 * counts it; bytes. Zeros if it counts what the runtime holds. */
void pages_read_process(size_t *resident, size_t *foreign);
/* So many bytes were allocated, reused ones too: other libraries may hold more than before. Not with a lock
 * of this rank. */
void pages_look(size_t bytes);
void pages_set_refusal_callback(void (*callback)(void *context, size_t wanted), void *context);
/* While that is so, cells of so many bytes went into a thread's cache. */
void pages_note_refill(size_t bytes);
/* How many bytes too many are held for what was wanted last to fit within the limits, after idle memory went
 * back; with_room: for a 64th of the limit to be free besides. 0: it fits. */
size_t pages_excess(bool with_room);
/* Would the hard limit refuse what was wanted last? */
bool pages_would_refuse(void);
/* What may be resident of the runtime's, and is not idle; bytes. */
size_t pages_inuse(void);
/* The most that was held from the kernel, in bytes: since the beginning, or since it was reset. */
size_t pages_peak_held(bool reset);
/* The program wants to know when so many percent of the limit are in use, idle memory left out: then
 * PAGES_REQUEST_PRESSURE is raised, once, and again when less was in use meanwhile. A callback of NULL: no
 * more. */
void pages_watch_pressure(int percent, void (*callback)(void *context, size_t inuse, size_t limit),
                          void *context);
/* It is about to be told this. */
pages_pressure_t pages_tell_pressure(void);
/* May so much more be held without coming near a limit? */
bool pages_has_room(size_t bytes);
/* Is what is held within the limits? */
bool pages_fit(void);

/* The first `pages` pages of a small span are written from now on. The caller owns the span. False: the hard
 * limit refuses it. */
bool pages_touch(span_t *span, uint32_t pages);
/* Pages inside a small span go back to the kernel, and come again; the caller owns the span and notes which.
 * False: the kernel does not take them; the hard limit refuses them. */
bool pages_release_inside(void *start, uint32_t pages);
bool pages_touch_inside(uint32_t pages);

/* The extent allocator's own memory, bytes. */
size_t pages_extents_metadata(void);
/* Around fork. */
bool pages_before_fork(void);
void pages_after_fork(bool child);

/* Every structure checked against every other; aborts with a line on the first contradiction. */
void pages_verify(void);

#endif
