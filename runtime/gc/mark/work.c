/* work: see work.h. */
#include "runtime/gc/mark/work.h"

#include <stdatomic.h>
#include <stddef.h>

#include "runtime/base/futex.h"
#include "runtime/gc/mark/awake.h"
#include "runtime/os/os.h"
#include "runtime/os/spin.h"
#include "runtime/pages/pages.h"

enum {
    GIVE_MIN = 2,   /* a queue of fewer spans is not shared */
    GIVE_MAX = 256, /* spans handed over at once */
    PACKETS = 64,
    PIECE = 32 * 1024, /* bytes of a range scanned at once */
    RANGES = 4096,
};

/* Under the lock. The counts are also read without it; `members` does not change while markers are at
 * work. */
static struct {
    spin_t lock;
    _Atomic uint32_t packets, ranges, idle;
    _Atomic uint32_t hastened; /* 1: spare markers join; they sleep on this word */
    _Atomic uint64_t hastened_ns;
    uint32_t members, active;
    queue_t packet[PACKETS];
    work_piece_t *range;
} work;

static uint32_t range_limit = RANGES;

bool work_prepare(void)
{
    if (!work.range)
        work.range = pages_metadata(RANGES * sizeof *work.range);
    return work.range != NULL;
}

void work_clear(void)
{
    spin_release(&work.lock);
    work.packets = work.ranges = 0;
}

void work_begin(uint32_t members, uint32_t active)
{
    work.members = members;
    work.active = active;
    atomic_store(&work.idle, 0);
    atomic_store(&work.hastened, 0);
    atomic_store(&work.hastened_ns, 0);
}

/* A spare marker counts as idle until it joins. */
bool work_join(uint32_t member)
{
    enum { LOOK_NS = 500 * 1000 }; /* all others may have ended */
    if (LIKELY(member < work.active))
        return true;
    atomic_fetch_add(&work.idle, 1);
    while (!atomic_load(&work.hastened)) {
        if (atomic_load(&work.idle) == work.members)
            return false;
        os_futex_wait_for(&work.hastened, 0, LOOK_NS);
    }
    atomic_fetch_sub(&work.idle, 1);
    return true;
}

void work_hasten(void)
{
    if (atomic_exchange(&work.hastened, 1))
        return;
    atomic_store(&work.hastened_ns, os_now_ns());
    os_futex_wake_all(&work.hastened);
}

uint64_t work_hastened_ns(void)
{
    return atomic_load(&work.hastened_ns);
}

/* --- packets --- */

bool work_is_wanted(void)
{
    return atomic_load_explicit(&work.idle, memory_order_relaxed) >
           atomic_load_explicit(&work.packets, memory_order_relaxed);
}

void work_give(queue_t *queue)
{
    if (queue->count < GIVE_MIN)
        return;
    uint32_t half = queue->count / 2 < GIVE_MAX ? queue->count / 2 : GIVE_MAX, last = queue->first;
    for (uint32_t i = 1; i < half; i++)
        last = bitmaps_grey[last].next;
    spin_acquire(&work.lock);
    if (work.packets < PACKETS) {
        work.packet[work.packets++] = (queue_t){queue->first, last, half};
        queue->first = bitmaps_grey[last].next;
        queue->count -= half;
    }
    spin_release(&work.lock);
}

bool work_take(queue_t *queue)
{
    if (!atomic_load_explicit(&work.packets, memory_order_relaxed))
        return false;
    spin_acquire(&work.lock);
    bool taken = work.packets > 0;
    if (taken)
        *queue = work.packet[--work.packets];
    spin_release(&work.lock);
    return taken;
}

/* --- ranges --- */

bool work_share_range(uintptr_t from, uintptr_t to, bool may_vanish)
{
    spin_acquire(&work.lock);
    bool fits = work.ranges < range_limit;
    if (fits)
        work.range[work.ranges++] = (work_piece_t){from, to, may_vanish};
    spin_release(&work.lock);
    return fits;
}

bool work_take_piece(work_piece_t *piece)
{
    if (!atomic_load_explicit(&work.ranges, memory_order_relaxed))
        return false;
    spin_acquire(&work.lock);
    bool taken = work.ranges > 0;
    if (taken) {
        work_piece_t *last = &work.range[work.ranges - 1];
        *piece = *last;
        if (piece->to - piece->from > PIECE)
            last->from = piece->to = piece->from + PIECE;
        else
            work.ranges--;
    }
    spin_release(&work.lock);
    return taken;
}

void work_set_range_limit(uint32_t ranges)
{
    range_limit = ranges && ranges < RANGES ? ranges : RANGES;
}

/* --- the end --- */

/* A marker that gives work is not idle: when all are idle, no work can come. */
bool work_wait(void)
{
    atomic_fetch_add(&work.idle, 1);
    for (uint32_t turns = 0;; turns++) {
        if (atomic_load(&work.packets) || atomic_load(&work.ranges) || awake_any()) {
            atomic_fetch_sub(&work.idle, 1);
            return true;
        }
        if (atomic_load(&work.idle) == work.members)
            return false;
        spin_pause(turns);
    }
}
