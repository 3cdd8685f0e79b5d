/* large: see large.h. */
#include "runtime/malloc/large.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/cycle/cycle.h"
#include "runtime/malloc/shield.h"
#include "runtime/malloc/spare.h"
#include "runtime/os/copy.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/profile/profile.h"
#include "runtime/profile/sampled.h"
#include "runtime/threads/bias.h"

/* Moving page tables costs two system calls and the faults of the tables: it beats copying from about
 * here. */
enum { MOVE_MIN = 1024 * 1024 };
/* Each object with moved pages is up to four mappings more, of the 65,530 that a process may have. */
enum { MOVED_MAX = 2048 };
static _Atomic uint32_t moved_objects; /* one too many for each that the kernel refused to renew */

static size_t round_to(size_t size, size_t unit)
{
    return (size + unit - 1) & ~(unit - 1);
}

/* size: what the program asked for. NULL: an account's limit refuses it, and the memory is given back. */
static void *large_describe(heap_t *self, void *memory, size_t bytes, size_t size, enum span_state state)
{
    span_t *span = span_of_slot(region_slot(memory));
    __atomic_store_n(&span->owner, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&span->heap, NULL, __ATOMIC_RELAXED);
    span->kind = KIND_MANUAL;
    span->is_moved = false;
    span->flags = 0;
    span_set_state(span, state);
    cycle_note_volume(self, bytes);
    self->counts.large_allocs++;
    self->counts.large_alloc_bytes += bytes;
    if (UNLIKELY(self->sampling != NULL) && !sampled_large(self, span, size)) {
        large_free(self, span);
        errno = ENOMEM;
        return NULL;
    }
    return memory;
}

/* Only what was touched before needs writing: fresh slots read as zero. */
static void zero_touched(uint32_t slot, size_t bytes, const uint8_t *touched)
{
    for (size_t at = 0; at < bytes; at += SLOT_SIZE, slot++) {
        size_t dirty = (size_t)*touched++ * OS_PAGE, left = bytes - at;
        os_clear_written(region_address(slot), dirty < left ? dirty : left);
    }
}

static void *take_slots(heap_t *self, size_t bytes, size_t size, size_t alignment, bool zeroed)
{
    uint8_t touched[CHUNK_SLOTS];
    uint32_t count = large_slots(bytes);
    uint32_t slot = pages_take(count, bytes / OS_PAGE, alignment >> SLOT_SHIFT, touched);
    if (!slot)
        return NULL;
    if (zeroed)
        zero_touched(slot, bytes, touched);
    return large_describe(self, region_address(slot), bytes, size, SPAN_LARGE);
}

void *large_alloc(heap_t *self, size_t size, size_t alignment, bool zeroed)
{
    size_t bytes = round_to(size, OS_PAGE);
    if (size > PTRDIFF_MAX || bytes < size) {
        errno = ENOMEM;
        return NULL;
    }
    if (bytes <= HUGE_MIN)
        return take_slots(self, bytes, size, alignment, zeroed);
    void *memory = pages_take_huge(&bytes, alignment, zeroed);
    if (!memory)
        return NULL;
    *span_bytes(span_of_slot(region_slot(memory))) = bytes;
    return large_describe(self, memory, bytes, size, SPAN_HUGE);
}

/* Allocate in a spare run, all of which may have been written. NULL: there is none that fits. */
static void *malloc_spare(heap_t *self, size_t bytes, size_t size, bool zeroed)
{
    bias_enter(self);
    uint32_t slot = spare_take_large(self, bytes);
    bias_leave(self);
    if (!slot)
        return NULL;
    bytes = *span_bytes(span_of_slot(slot));
    char *memory = region_address(slot);
    if (zeroed)
        memset(memory, 0, bytes);
    return large_describe(self, memory, bytes, size, SPAN_LARGE);
}

void *large_malloc(heap_t *self, size_t size, size_t alignment, bool zeroed)
{
    if (size > SPARE_MAX || size <= SMALL_MAX || alignment > SLOT_SIZE)
        return large_alloc(self, size, alignment, zeroed);
    size_t bytes = spare_round(self, round_to(size, OS_PAGE));
    void *p = malloc_spare(self, bytes, size, zeroed);
    return p ? p : take_slots(self, bytes, size, alignment, zeroed);
}

static bool keep_spare(heap_t *self, span_t *span, size_t bytes)
{
    if (bytes > SPARE_MAX || bytes <= SMALL_MAX)
        return false;
    bias_enter(self);
    bool kept = spare_put_large(self, span, bytes);
    bias_leave(self);
    return kept;
}

static void note_free(heap_t *self, span_t *span)
{
    if (UNLIKELY(sampled_has_large(span)))
        sampled_large_free(span);
    span_set_state(span, SPAN_NONE);
    self->counts.large_frees++;
    self->counts.large_free_bytes += large_usable(span);
}

/* `gone`: bytes at the front that have no pages any more. `moved`: those pages are now in the block that
 * pages_take_huge_to_move took. */
static void give_without(heap_t *self, span_t *span, size_t gone, bool moved)
{
    size_t bytes = large_usable(span);
    enum span_state state = span->state;
    note_free(self, span);
    bool may_be_kept = state == SPAN_LARGE && !gone && !span->is_moved && span->kind == KIND_MANUAL;
    if (may_be_kept && keep_spare(self, span, bytes))
        return;
    if (state == SPAN_LARGE)
        pages_give_without(span_slot(span), large_slots(bytes), bytes / OS_PAGE, gone, moved);
    else
        pages_give_huge_without(span_start(span), bytes, gone, moved);
}

/* Map a moved object anew from `from` on: then that part has no pages, and is one mapping with what lies
 * around it. If the kernel refuses, the object still counts among those moved. */
static bool renew(span_t *span, size_t from)
{
    size_t bytes = large_usable(span);
    bool renewed = bytes > from && os_renew(span_start(span) + from, bytes - from);
    atomic_fetch_sub_explicit(&moved_objects, renewed && from == 0, memory_order_relaxed);
    return renewed;
}

/* The pages are given up: the next owner of the addresses asks for new ones. False: the kernel refuses, and
 * nothing has changed. */
static bool free_inaccessible(heap_t *self, span_t *span)
{
    size_t bytes = large_usable(span);
    uint32_t count = large_slots(bytes);
    bool is_huge = span->state == SPAN_HUGE;
    if (!region_decommit(span_start(span), is_huge ? bytes : (size_t)count << SLOT_SHIFT))
        return false;
    note_free(self, span);
    if (is_huge)
        pages_give_huge_uncommitted(span_start(span), bytes);
    else
        pages_give_uncommitted(span_slot(span), count, bytes / OS_PAGE);
    return true;
}

/* Should this free make the block inaccessible, so that a use after free faults? The thread's 1st, 2nd, 4th,
 * 8th, ... free of a large block does, and each multiple of 65536: a short program has one such free, a long
 * one has them for ever. It costs as much as some hundred frees, most of it the page faults of the next
 * use. */
static bool is_watched(const heap_t *self, const span_t *span)
{
    enum { EACH = 65536 };
    uint64_t number = self->counts.large_frees + 1;
    if (LIKELY((number & (number - 1)) != 0 && number % EACH != 0))
        return false;
    /* Atomic: else the compiler may read the whole word, with `touched`, which the holder of the pages' lock
     * writes. */
    uint8_t state = __atomic_load_n(&span->state, __ATOMIC_RELAXED);
    return state == SPAN_LARGE && span->kind == KIND_MANUAL && !span->is_moved;
}

/* Pages that the program has locked stay: the kernel does not release them. */
static bool free_watched(heap_t *self, span_t *span)
{
    int saved = errno;
    bool done = os_release(span_start(span), large_usable(span)) && free_inaccessible(self, span);
    errno = saved;
    return done;
}

void large_free(heap_t *self, span_t *span)
{
    shield_lift_if_any(span);
    if (UNLIKELY(is_watched(self, span)) && free_watched(self, span))
        return;
    size_t gone = UNLIKELY(span->is_moved) && renew(span, 0) ? large_usable(span) : 0;
    give_without(self, span, gone, false);
}

/* If the kernel refuses to decommit the object, its addresses are lost for ever. */
void large_free_inaccessible(heap_t *self, span_t *span)
{
    free_inaccessible(self, span);
}

/* --- realloc --- */

static bool resize_slots(span_t *span, size_t bytes)
{
    size_t old = large_usable(span);
    uint32_t slot = span_slot(span), count = large_slots(old), new_count = large_slots(bytes);
    if (bytes <= old && span->is_moved && new_count < count)
        renew(span, (size_t)new_count << SLOT_SHIFT);
    if (bytes <= old)
        pages_shrink(slot, count, old / OS_PAGE, new_count, bytes / OS_PAGE);
    else
        return pages_extend(slot, count, old / OS_PAGE, new_count, bytes / OS_PAGE);
    return true;
}

static bool resize_huge(span_t *span, size_t bytes)
{
    size_t old = large_usable(span);
    if (bytes <= HUGE_MIN)
        return bytes >= old / 2; /* less than half: worth moving */
    size_t now = bytes <= old ? pages_shrink_huge(span_start(span), old, bytes)
                              : pages_extend_huge(span_start(span), old, bytes);
    if (now)
        *span_bytes(span) = now;
    return now != 0;
}

static bool resize_in_place(heap_t *self, span_t *span, size_t bytes)
{
    size_t old = large_usable(span);
    bool done =
        span->state == SPAN_HUGE ? resize_huge(span, bytes) : bytes <= HUGE_MIN && resize_slots(span, bytes);
    size_t now = large_usable(span);
    if (now > old)
        self->counts.large_alloc_bytes += now - old;
    else
        self->counts.large_free_bytes += old - now;
    return done;
}

bool large_shrink(heap_t *self, span_t *span, size_t size)
{
    return resize_in_place(self, span, round_to(size, OS_PAGE));
}

/* A block that grows will probably grow again. So a huge one gets an eighth more addresses to grow into,
 * which cost no memory as long as they are untouched. Under a limit it does not: there they would count. */
static void *alloc_to_grow_into(heap_t *self, size_t size, size_t old, void *(*alloc)(size_t size))
{
    bool roomy = size > old && size > HUGE_MIN && size < PTRDIFF_MAX / 2 && !pages_is_limited();
    void *to = roomy ? large_alloc(self, size + size / 8, 1, false) : NULL;
    return to ? to : alloc(size);
}

/* Move the pages at the front of a span to another one. */
static enum os_move move_pages(span_t *to, span_t *from, size_t bytes)
{
    if (atomic_load_explicit(&moved_objects, memory_order_relaxed) >= MOVED_MAX)
        return OS_MOVE_REFUSED;
    enum os_move result = os_move_pages(span_start(to), span_start(from), bytes);
    if (result != OS_MOVED)
        return result;
    atomic_fetch_add_explicit(&moved_objects, 1, memory_order_relaxed);
    to->is_moved = true;
    return result;
}

/* Free a span whose pages were moved to another one. */
static void free_moved(heap_t *self, span_t *span, size_t bytes, bool under_limit)
{
    if (span->is_moved)
        renew(span, 0);
    give_without(self, span, bytes, under_limit);
}

/* The kernel has unmapped the target of a move, and has no memory to map it anew: the runtime has lost those
 * addresses. */
static void *lost(void)
{
    errno = ENOMEM;
    return NULL;
}

bool large_grows_by_moving(const heap_t *self, span_t *span, size_t size)
{
    size_t old = large_usable(span);
    bool may_be_refused = self->sampling && sampled_is_diverted(self->sampling);
    return pages_is_limited() && size > old && round_to(size, OS_PAGE) > HUGE_MIN && old >= MOVE_MIN &&
           !may_be_refused;
}

void *large_grow_by_moving(heap_t *self, span_t *span, size_t size, large_prepare *prepare, bool *moves)
{
    size_t old = large_usable(span), bytes = round_to(size, OS_PAGE);
    *moves = large_grows_by_moving(self, span, size);
    void *to = *moves ? pages_take_huge_to_move(&bytes, old) : NULL;
    if (!to)
        return NULL;
    *span_bytes(span_of_slot(region_slot(to))) = bytes;
    large_describe(self, to, bytes, size, SPAN_HUGE);
    span_t *target = span_of_slot(region_slot(to));
    bool is_ready = !prepare || prepare(target);
    enum os_move result = is_ready ? move_pages(target, span, old) : OS_MOVE_REFUSED;
    if (result == OS_MOVED) {
        free_moved(self, span, old, true);
        return to;
    }
    bool granted = pages_not_moved(old) && is_ready;
    if (result == OS_MOVE_LOST)
        return lost();
    if (granted) {
        os_copy_written(to, span_start(span), old);
        large_free(self, span);
        return to;
    }
    large_free(self, target);
    errno = ENOMEM;
    return NULL;
}

void *large_realloc(heap_t *self, span_t *span, size_t size, void *(*alloc)(size_t size))
{
    size_t bytes = round_to(size, OS_PAGE), old = large_usable(span);
    if (size > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    if (size > SMALL_MAX && !sampled_large_may_resize(span, bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (size > SMALL_MAX && resize_in_place(self, span, bytes)) {
        if (UNLIKELY(self->sampling != NULL || sampled_has_large(span)))
            sampled_large_resized(self, span, size);
        return span_start(span);
    }
    sampled_large_may_resize(span, old);
    bool moves;
    void *from = span_start(span), *to = large_grow_by_moving(self, span, size, NULL, &moves);
    if (moves)
        return to;
    to = alloc_to_grow_into(self, size, old, alloc);
    if (!to)
        return NULL;
    if (UNLIKELY(self->sampling != NULL))
        profile_becomes(from, to);
    size_t kept = old < size ? old : size, moved = kept & ~(size_t)(OS_PAGE - 1);
    enum os_move result =
        kept >= MOVE_MIN ? move_pages(span_of_slot(region_slot(to)), span, moved) : OS_MOVE_REFUSED;
    if (result == OS_MOVE_LOST)
        return lost();
    if (result == OS_MOVED) {
        memcpy((char *)to + moved, (char *)from + moved, kept - moved);
        free_moved(self, span, moved, false);
    } else {
        os_copy_written(to, from, kept);
        large_free(self, span);
    }
    return to;
}
