/* harden: see harden.h. */
#include "runtime/harden/harden.h"

#include <errno.h>
#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/debug/misuse.h"
#include "runtime/harden/block.h"
#include "runtime/harden/quarantine.h"
#include "runtime/malloc/large.h"
#include "runtime/malloc/raw.h"
#include "runtime/os/copy.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/threads/bias.h"

enum { RECENT = 4, SHUFFLED_MAX = 512 };

static struct {
    lock_t lock;          /* protects this, block.c, records.c and quarantine.c */
    char *recent[RECENT]; /* the last blocks allocated, NULL when freed */
    uint32_t next;
    uint64_t random;
} harden = {.lock = LOCK_INIT(LOCK_RANK_HARDEN)};

static void report_finding(const finding_t *finding, const char *call)
{
    if (UNLIKELY(finding->what != NULL))
        misuse_report(finding->what, finding->at, finding->cell, call);
}

/* --- allocating --- */

static uint32_t random_below(uint32_t bound)
{
    uint64_t x = __atomic_add_fetch(&harden.random, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93;
    return (uint32_t)((x >> 32) * bound >> 32);
}

/* Shuffle the list that a refill has brought, its first cell included, and return any of the cells. All are
 * of one span, so the stack keeps only their places in it. */
static void *shuffle(heap_t *self, uint32_t cls, void *first)
{
    uint16_t places[SHUFFLED_MAX];
    span_t *span = span_of_slot(region_slot(first));
    char *start = span_start(span);
    uint32_t count = 0;
    cell_t *rest = first;
    ((cell_t *)first)->next = self->bins[cls];
    for (; rest && count < SHUFFLED_MAX; rest = rest->next)
        places[count++] = (uint16_t)(((char *)rest - start) >> CELL_SHIFT);
    if (!__atomic_load_n(&harden.random, __ATOMIC_RELAXED))
        __atomic_store_n(&harden.random, os_random(), __ATOMIC_RELAXED);
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = random_below(i);
        uint16_t swapped = places[i - 1];
        places[i - 1] = places[other];
        places[other] = swapped;
    }
    for (uint32_t i = 1; i < count; i++) {
        cell_t *cell = (cell_t *)(void *)(start + ((size_t)places[i] << CELL_SHIFT));
        cell->tag = span;
        cell->next = rest;
        rest = cell;
    }
    self->bins[cls] = rest;
    cell_t *chosen = (cell_t *)(void *)(start + ((size_t)places[0] << CELL_SHIFT));
    chosen->tag = NULL;
    return chosen;
}

static void *take_hardened_cell(heap_t *self, size_t size, size_t alignment)
{
    uint32_t cls = raw_class(alignment, block_room(size, alignment));
    bias_enter(self);
    bool is_refill = self->bins[cls] == NULL;
    void *cell = raw_malloc(self, class_size(cls));
    if (cell && is_refill)
        cell = shuffle(self, cls, cell);
    bias_leave(self);
    return cell;
}

/* more: bytes to grow into, for a large block. */
static void *take_hardened(heap_t *self, size_t size, size_t more, size_t alignment)
{
    return block_is_large(size, alignment)
               ? large_alloc(self, block_room(size + more, alignment), alignment, true)
               : take_hardened_cell(self, size, alignment);
}

/* Give blocks in quarantine back to the heap: those that are too many there, or all. */
static void evict(heap_t *self, bool all, const char *call)
{
    for (;;) {
        finding_t finding = {0};
        bool accessible;
        lock_acquire(&harden.lock);
        void *start = quarantine_take(all, &accessible, &finding);
        lock_release(&harden.lock);
        report_finding(&finding, call);
        if (!start)
            return;
        span_t *span = span_of_slot(region_slot(start));
        if (accessible)
            raw_free(self, span, start);
        else
            large_free_inaccessible(self, span);
    }
}

static finding_t patrol(void)
{
    finding_t finding = quarantine_patrol();
    for (uint32_t i = 0; i < RECENT && !finding.what; i++) {
        if (!harden.recent[i])
            continue;
        block_t block = block_at(harden.recent[i]);
        finding = block_check(&block);
    }
    return finding;
}

static void remember(char *user)
{
    harden.recent[harden.next++ % RECENT] = user;
}

static void forget_block(const char *user)
{
    for (uint32_t i = 0; i < RECENT; i++)
        if (harden.recent[i] == user)
            harden.recent[i] = NULL;
}

static void *allocate(heap_t *self, size_t size, size_t more, size_t alignment, enum heap_call call)
{
    lock_acquire(&harden.lock);
    finding_t finding = patrol();
    lock_release(&harden.lock);
    report_finding(&finding, "malloc()");

    bool large = block_is_large(size, alignment), made = false;
    char *start = size <= region.size ? take_hardened(self, size, more, alignment) : NULL;
    if (!start && size <= region.size) {
        evict(self, true, "malloc()");
        start = take_hardened(self, size, 0, alignment);
    }
    if (!start) {
        errno = ENOMEM;
        return NULL;
    }
    block_t block;
    lock_acquire(&harden.lock);
    made = block_make(start, large, size, alignment, call, &block);
    if (made)
        remember(block.user);
    lock_release(&harden.lock);
    if (!made) {
        raw_free(self, span_of_slot(region_slot(start)), start);
        errno = ENOMEM;
        return NULL;
    }
    return large ? block.user : memset(block.user, 0, size);
}

void *harden_malloc(heap_t *self, size_t size, size_t alignment, enum heap_call call)
{
    return allocate(self, size, 0, alignment, call);
}

/* --- freeing --- */

static const char *const free_names[] = {"free()", "operator delete", "operator delete[]"};
static const char *const mismatches[][3] = {
    {NULL, "malloc/delete mismatch at", "malloc/delete-array mismatch at"},
    {"new/free mismatch at", NULL, "new/delete-array mismatch at"},
    {"new-array/free mismatch at", "new-array/delete mismatch at", NULL},
};

/* What is wrong with freeing p by this call? */
static finding_t examine(const void *p, enum heap_call call, size_t size, block_t *block)
{
    finding_t finding = block_find(p, block);
    if (finding.what)
        return finding;
    const record_t *record = block->record;
    if (record->state != BLOCK_LIVE)
        return block_finding(block, "double free of");
    if (mismatches[record->call][call])
        return block_finding(block, mismatches[record->call][call]);
    if (size != HEAP_SIZE_UNKNOWN && size != record->size)
        return block_finding(block, "size mismatch at");
    return block_check(block);
}

/* Take the lock, with room in quarantine; others may fill it as fast as we empty it. */
static void lock_with_room(heap_t *self, const char *call)
{
    lock_acquire(&harden.lock);
    while (UNLIKELY(quarantine_is_full())) {
        lock_release(&harden.lock);
        evict(self, false, call);
        lock_acquire(&harden.lock);
    }
}

static void free_block(heap_t *self, void *p, enum heap_call call, size_t size, const char *name)
{
    if (!region_owns(p)) {
        misuse_outside(p, name);
        return;
    }
    block_t block;
    lock_with_room(self, name);
    finding_t finding = examine(p, call, size, &block);
    if (!finding.what) {
        forget_block(block.user);
        quarantine_put(&block);
    }
    lock_release(&harden.lock);
    report_finding(&finding, name);
    evict(self, false, name);
}

void harden_free(heap_t *self, void *p, enum heap_call call, size_t size)
{
    free_block(self, p, call, size, free_names[call]);
}

void harden_shed(heap_t *self)
{
    evict(self, true, "the release of free memory");
}

/* --- asking and resizing --- */

static finding_t find_live(const void *p, block_t *block)
{
    lock_acquire(&harden.lock);
    finding_t finding = block_find(p, block);
    if (!finding.what && block->record->state != BLOCK_LIVE)
        finding = block_finding(block, "use after free of");
    lock_release(&harden.lock);
    return finding;
}

size_t harden_usable(const void *p)
{
    block_t block;
    finding_t finding = find_live(p, &block);
    report_finding(&finding, "malloc_usable_size()");
    return finding.what ? 0 : block.record->size;
}

/* The canary is checked before block_resize lays it anew. */
static bool resize(block_t *block, size_t size)
{
    lock_acquire(&harden.lock);
    finding_t finding = block_check(block);
    bool done = block_resize(block, size);
    lock_release(&harden.lock);
    report_finding(&finding, "realloc()");
    return done;
}

void *harden_realloc(heap_t *self, void *p, size_t size)
{
    block_t block;
    finding_t finding = find_live(p, &block);
    if (!finding.what && block.record->call != HEAP_CALL_MALLOC)
        finding =
            block_finding(&block, block.record->call == HEAP_CALL_NEW ? "new/realloc mismatch at"
                                                                      : "new-array/realloc mismatch at");
    if (finding.what) {
        report_finding(&finding, "realloc()");
        errno = ENOMEM;
        return NULL;
    }
    size_t old = block.record->size;
    if (size == old || (size >= old / 2 && resize(&block, size)))
        return p;
    size_t more = size > old && size <= region.size ? size / 8 : 0;
    void *to = allocate(self, size, more, 16, HEAP_CALL_MALLOC);
    if (!to) /* what shrinks needs no memory */
        return size < old && resize(&block, size) ? p : NULL;
    os_copy_written(to, p, old < size ? old : size);
    free_block(self, p, HEAP_CALL_MALLOC, HEAP_SIZE_UNKNOWN, "realloc()");
    return to;
}

/* --- fork --- */

bool harden_before_fork(void)
{
    return lock_acquire_soon(&harden.lock);
}

void harden_after_fork(bool child)
{
    lock_after_fork(&harden.lock, child);
}
