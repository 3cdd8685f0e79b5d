/* pages: slots for spans and large objects, huge objects, and idle memory.
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
#include "runtime/pages/huge_page.h"
#include "runtime/pages/pages_state.h"
#include "runtime/region/region.h"

enum { HUGE_MIN = 2 * 1024 * 1024 }; /* larger objects are the extent allocator's */

/* Reserve the region and carve the first chunk. */
bool pages_init(void);

/* Take `count` slots (at most a chunk's), the first at a multiple of `alignment` slots. The caller will use
 * the first `pages` pages. The descriptors are as a former user left them, except `touched`. With `before`
 * the run is one object: its bytes are noted in the first descriptor (span_bytes), and `before` gets what
 * `touched` was for each slot: those pages may hold anything, the others read as zero. Without it the run is
 * a small span, whose owner reports what is touched (pages_touch). 0: refused, ENOMEM. */
uint32_t pages_take(uint32_t count, size_t pages, size_t alignment, uint8_t *before);
/* A slot for a span of small cells, whose pages are touched one by one (pages_touch). */
uint32_t pages_take_span(enum span_backing backing);
void pages_give(uint32_t slot, uint32_t count, size_t pages);
/* Extend a run, in place, by the slots after it if they are free. */
bool pages_extend(uint32_t slot, uint32_t count, size_t pages, uint32_t new_count, size_t new_pages);
/* Give the end of a run back. */
void pages_shrink(uint32_t slot, uint32_t count, size_t pages, uint32_t new_count, size_t new_pages);

/* Huge objects: any size and alignment. *size becomes the real size. */
void *pages_take_huge(size_t *size, size_t alignment, bool zeroed);
void pages_give_huge(void *memory, size_t size);
/* Take a huge object to which `moved` bytes of another block will be moved (os_move_pages): the limits count
 * these bytes once. */
void *pages_take_huge_to_move(size_t *size, size_t moved);
/* Give back a block, of slots or huge, whose first `gone` bytes have no pages any more. `moved`: those pages
 * are now in the block that pages_take_huge_to_move took. */
void pages_give_without(uint32_t slot, uint32_t count, size_t pages, size_t gone, bool moved);
void pages_give_huge_without(void *memory, size_t size, size_t gone, bool moved);
/* Give back a block of which all slots were decommitted (region_decommit). */
void pages_give_uncommitted(uint32_t slot, uint32_t count, size_t pages);
void pages_give_huge_uncommitted(void *memory, size_t size);
/* The `moved` bytes could not be moved: from now on they count in both blocks. False: the hard limit refuses
 * that. */
bool pages_not_moved(size_t moved);
size_t pages_extend_huge(void *memory, size_t size, size_t wanted);
/* Give back about what lies beyond `wanted` bytes. Returns the object's new size. */
size_t pages_shrink_huge(void *memory, size_t size, size_t wanted);

/* Called when the kernel has just refused to commit: decommits free memory. True: ask again. */
bool pages_make_room(void);

/* Memory for the runtime's own structures: zeroed, never given back. */
void *pages_metadata(size_t size);
/* Grow a full array in such memory: copies its *room elements of `size` bytes to an array twice as long, or
 * makes one of `first` elements if *room is 0. Returns the new array and updates *room; the old array stays
 * as it is, for good. NULL: no memory, and nothing has changed. */
void *pages_grown(const void *array, size_t *room, size_t first, size_t size);

/* Release until no more than `keep` bytes are idle, and release slack (slack.h). True if anything was
 * released. */
bool pages_trim(size_t keep);

/* Called after time has passed: what the release rule remembers fades, and what it no longer allows is
 * released. */
void pages_apply_rule(void);

/* The knobs; all act at once. */
void pages_set_gc_percent(int64_t percent);
/* Return the old limit; see limit.h. */
int64_t pages_set_soft_limit(int64_t bytes);
int64_t pages_set_hard_limit(int64_t bytes);
/* Make the limits shares of the available memory, in percent, which they follow from then on; 0: no share. */
void pages_follow_memory(unsigned soft_percent, unsigned hard_percent);
/* Does the soft limit count all of the process? Returns the old scope. */
bool pages_set_limit_scope(bool is_process);
/* The limits as they are now; pages_soft_room is the soft limit less the memory that is not the runtime's.
 * Without the lock. */
int64_t pages_soft_limit(void);
int64_t pages_hard_limit(void);
int64_t pages_soft_room(void);
/* The anonymous memory of the process that is resident, and the part of it that is not the runtime's, as the
 * soft limit counts them; bytes. Zeros if the soft limit counts only what the runtime holds. */
void pages_read_process(size_t *resident, size_t *foreign);
/* Called after `bytes` were allocated, fresh or reused. Other libraries may hold more by now, so a reading is
 * taken (limit.h) if one is due. The caller must hold no lock of the pages' rank or above. */
void pages_look(size_t bytes);
void pages_set_refusal_callback(void (*callback)(void *context, size_t wanted), void *context);
/* Called while pages_is_pressed: free cells of `bytes` bytes went into a thread's cache. */
void pages_note_refill(size_t bytes);
/* How many bytes too many are held for the largest request that did not fit since the last cycle? 0: it fits
 * now. Releases idle memory first. with_room: 1/64 of the limit has to stay free besides. */
size_t pages_excess(bool with_room);
/* Would the hard limit refuse that request? */
bool pages_would_refuse(void);
/* The bytes of the runtime's that may be resident and are not idle. */
size_t pages_inuse(void);
/* The most that was held from the kernel, in bytes: since the beginning, or since it was reset. */
size_t pages_peak_held(bool reset);
/* pages_watch_pressure asks to be told when `percent` percent of the limit are in use, not counting idle
 * memory. Then PAGES_REQUEST_PRESSURE is raised, once; it is raised again only after less was in use
 * meanwhile. A callback of NULL ends this. */
void pages_watch_pressure(int percent, void (*callback)(void *context, size_t inuse, size_t limit),
                          void *context);
/* What to tell the program; it counts as told from now on, so the caller has to tell it. */
pages_pressure_t pages_tell_pressure(void);
/* Can `bytes` more be held within the limits? */
bool pages_has_room(size_t bytes);
/* Is what is held within the limits? */
bool pages_fit(void);

/* Called before the first `pages` pages of a small span are written, by the owner of the span. False: the
 * hard limit refuses it. */
bool pages_touch(span_t *span, uint32_t pages);
/* Give pages inside a small span back to the kernel. The caller owns the span and notes which pages they are.
 * False: the kernel does not take them. */
bool pages_release_inside(void *start, uint32_t pages);
/* Count such pages as touched again, before they are written. False: the hard limit refuses them. */
bool pages_touch_inside(uint32_t pages);
/* The same for a caller that can do without them: a refusal has no consequences. */
bool pages_may_touch_inside(uint32_t pages);

/* The extent allocator's own memory, bytes. */
size_t pages_extents_metadata(void);
/* Around fork. */
bool pages_before_fork(void);
void pages_after_fork(bool child);

/* Check every structure against every other. Aborts with a line on the first contradiction. */
void pages_verify(void);

#endif
