/* purge: see purge.h. */
#include "runtime/pages/purge.h"

#include <errno.h>

#include "runtime/base/probe.h"
#include "runtime/os/os.h"
#include "runtime/pages/held.h"
#include "runtime/pages/pages_lock.h"
#include "runtime/pages/pages_state.h"
#include "runtime/pages/runs.h"
#include "runtime/region/bits.h"
#include "runtime/region/extents.h"
#include "runtime/region/index.h"

enum {
    PIECES = 8,
    PIECE_SLOTS = OS_HUGE_PAGE / SLOT_SIZE,
    REFUSED_PAUSE = 256 /* attempts */,
    REFUSALS_MAX = 128
};

typedef struct purge_run {
    uint32_t slot, count; /* count 0: this place is free */
    bool is_chunk;        /* slots of a chunk; else the extent allocator's */
    size_t pages;
} purge_run_t;

/* Under the pages' lock. */
static struct {
    purge_run_t pieces[PIECES]; /* being purged */
    uint32_t busy;              /* how many of them */
    uint32_t pause;             /* attempts to skip, because the kernel refused the last one */
    uint32_t round;    /* what was refused in it (chunk->refused) is not tried again before the next one */
    uint32_t attempts; /* calls of purge_to in this round that ended above their bound */
    uint64_t turns;
} purge;

uint64_t purge_turns(void)
{
    return purge.turns;
}

void purge_note_turn(void)
{
    purge.turns++;
}

uint32_t purge_round(void)
{
    return purge.round;
}

bool purge_is_busy(void)
{
    return purge.busy > 0;
}

size_t purge_bytes_in_work(void)
{
    size_t pages = 0;
    for (uint32_t i = 0; purge.busy && i < PIECES; i++)
        pages += purge.pieces[i].count ? purge.pieces[i].pages : 0;
    return pages * OS_PAGE;
}

/* --- pieces --- */

/* The slots in the range of a chunk that are the extent allocator's and are being purged. */
static uint64_t in_work(uint32_t chunk)
{
    uint64_t slots = 0;
    for (uint32_t i = 0; purge.busy && i < PIECES; i++) {
        const purge_run_t *piece = &purge.pieces[i];
        if (piece->count && !piece->is_chunk && piece->slot / CHUNK_SLOTS == chunk)
            slots |= bits_run(piece->slot % CHUNK_SLOTS, piece->count);
    }
    return slots;
}

/* Was something in the chunk refused in this round? Then its slots are tried one by one. */
static bool is_refused(const chunk_t *chunk)
{
    return chunk->refused_round == purge.round + 1;
}

static uint64_t refused_slots(const chunk_t *chunk)
{
    return is_refused(chunk) ? chunk->refused : 0;
}

static void note_refused(const purge_run_t *piece)
{
    chunk_t *chunk = &region.chunks[piece->slot / CHUNK_SLOTS];
    if (!is_refused(chunk)) {
        chunk->refused_round = purge.round + 1;
        chunk->refused = 0;
    }
    if (piece->count == 1)
        chunk->refused |= bits_run(piece->slot % CHUNK_SLOTS, 1);
}

/* The highest run of ones that lies within one huge page. */
static purge_run_t highest_run(uint32_t chunk, uint64_t idle)
{
    uint32_t last = 63 - (uint32_t)__builtin_clzll(idle), first = last;
    while (!is_refused(&region.chunks[chunk]) && first % PIECE_SLOTS > 0 && idle >> (first - 1) & 1)
        first--;
    return (purge_run_t){.slot = chunk * CHUNK_SLOTS + first, .count = last - first + 1};
}

/* Take the highest piece below the chunk *end; it counts as given back from here on. False: there is none. */
static bool take_run(purge_run_t *piece, uint32_t *end)
{
    uint32_t index;
    while ((index = index_last_idle(*end)) > 0) {
        chunk_t *chunk = &region.chunks[index];
        uint64_t idle = chunk->known ? chunk->dirty : region_dirty(index) & ~in_work(index);
        uint64_t refused = idle & refused_slots(chunk);
        idle &= ~refused;
        *end = index + (idle != 0);
        if (!idle) {
            chunk->idle = refused || (!chunk->known && in_work(index));
            continue;
        }
        *piece = highest_run(index, idle);
        piece->is_chunk = chunk->known;
        piece->pages = region_touched(piece->slot, piece->count);
        if (piece->is_chunk) {
            runs_mark_taken(piece->slot, piece->count);
            atomic_fetch_sub_explicit(&page_stats.touched, piece->pages, memory_order_relaxed);
        } else {
            page_stats.huge_idle -= piece->pages * OS_PAGE;
        }
        return true;
    }
    return false;
}

/* Put a piece back: it was purged, or it is as it was. */
static void put_run(const purge_run_t *piece, bool is_purged)
{
    if (is_purged) {
        region_forget_touched(piece->slot, piece->count);
        page_stats.releases++;
        page_stats.released_pages += piece->pages;
    } else if (piece->is_chunk) {
        atomic_fetch_add_explicit(&page_stats.touched, piece->pages, memory_order_relaxed);
    } else {
        page_stats.huge_idle += piece->pages * OS_PAGE;
    }
    if (!is_purged)
        index_set_idle(piece->slot / CHUNK_SLOTS);
    if (piece->is_chunk)
        runs_give(piece->slot, piece->count);
}

static purge_run_t *free_place(void)
{
    for (uint32_t i = 0; i < PIECES; i++)
        if (!purge.pieces[i].count)
            return &purge.pieces[i];
    return NULL;
}

void (*_Atomic purge_watch)(size_t bytes, uint64_t from_ns, uint64_t to_ns);

/* 0, or the kernel's error. */
static int release_memory(const purge_run_t *piece)
{
    if (!os_release(region_address(piece->slot), (size_t)piece->count << SLOT_SHIFT))
        return errno;
    probe_release(piece->pages * OS_PAGE);
    return 0;
}

COLD static int release_watched(const purge_run_t *piece)
{
    uint64_t from = os_now_ns();
    int error = release_memory(piece);
    void (*watch)(size_t bytes, uint64_t from_ns, uint64_t to_ns) = purge_watch;
    if (watch && error == 0)
        watch(piece->pages * OS_PAGE, from, os_now_ns());
    return error;
}

/* Give a piece back to the kernel, without the lock. If there is no place to note the piece, the lock is
 * kept. Returns 0, or the kernel's error. */
static int release_pieces(const purge_run_t *piece)
{
    purge_run_t *place = free_place();
    if (!place)
        return release_memory(piece);
    *place = *piece;
    purge.busy++;
    pages_lock_pause();
    int error = UNLIKELY(atomic_load_explicit(&purge_watch, memory_order_relaxed) != NULL)
                    ? release_watched(piece)
                    : release_memory(piece);
    pages_lock_resume();
    purge.turns++;
    purge.busy--;
    place->count = 0;
    return error;
}

/* Where commitment is scarce, idle memory of the extent allocator is decommitted, too. */
static bool give_up_if_scarce(size_t bound)
{
    return extents_is_frugal() && page_stats.huge_idle > 0 && held_idle() > bound &&
           purge_give_up_commitment();
}

void purge_retry(void)
{
    purge.round++;
    purge.attempts = 0;
}

/* Does purging go on after a refusal? EINVAL means that the piece has a locked page; others may have none.
 * But it does not go on for ever, since all memory of the process may be locked. */
static bool goes_on_after(const purge_run_t *piece, int error, uint32_t refusals)
{
    if (error == EINVAL)
        note_refused(piece);
    if (error == EINVAL && refusals < REFUSALS_MAX)
        return true;
    purge.pause = REFUSED_PAUSE;
    return false;
}

bool purge_to(size_t bound)
{
    bool any = give_up_if_scarce(bound);
    if (purge.pause > 0) {
        purge.pause--;
        return any;
    }
    uint32_t end = (uint32_t)(region.used >> CHUNK_SHIFT), refusals = 0;
    purge_run_t piece;
    while (held_idle() > bound && take_run(&piece, &end)) {
        int error = release_pieces(&piece);
        put_run(&piece, error == 0);
        refusals = error ? refusals + 1 : 0;
        any |= error == 0;
        if (error && !goes_on_after(&piece, error, refusals))
            break;
    }
    if (held_idle() > bound && ++purge.attempts >= REFUSED_PAUSE)
        purge_retry();
    return any;
}

/* --- others --- */

static bool is_in_work(uint32_t slot, uint32_t count)
{
    for (uint32_t i = 0; i < PIECES; i++) {
        const purge_run_t *piece = &purge.pieces[i];
        if (piece->count && piece->slot < slot + count && slot < piece->slot + piece->count)
            return true;
    }
    return false;
}

bool purge_has(const void *memory, size_t size)
{
    return purge.busy && is_in_work(region_slot(memory), (uint32_t)(size >> SLOT_SHIFT));
}

void purge_await(const void *memory, size_t size)
{
    while (purge_has(memory, size)) {
        pages_lock_pause();
        os_yield();
        pages_lock_resume();
        purge_note_turn();
    }
}

/* If the first memory is being purged, a second request gets other memory, since the first is not given back
 * before. For a moment that takes twice the size, and not more: if the second is being purged as well, the
 * thread waits. */
void *purge_take_provided(size_t size, size_t alignment)
{
    void *memory = extents_take(size, alignment);
    if (!memory || LIKELY(!purge_has(memory, size)))
        return memory;
    void *other = extents_take(size, alignment);
    if (other) {
        extents_give(memory, size);
        memory = other;
    }
    purge_await(memory, size);
    return memory;
}

/* The extent allocator purges all that it has, so no other thread may be purging a part of that. */
bool purge_give_up_commitment(void)
{
    purge_await(region_address(0), region.used);
    size_t decommits = extents_decommits(), purged = extents_purge(true);
    page_stats.huge_idle -= purged;
    page_stats.released_pages += purged / OS_PAGE;
    page_stats.releases += purged > 0;
    return extents_decommits() != decommits;
}

void purge_after_fork_child(void)
{
    for (uint32_t i = 0; i < PIECES; i++)
        if (purge.pieces[i].count) {
            purge_run_t piece = purge.pieces[i];
            purge.pieces[i].count = 0;
            put_run(&piece, false);
        }
    purge.busy = 0;
}
