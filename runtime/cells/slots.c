/* slots: see slots.h. */
#include "runtime/cells/slots.h"

#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { RUN_SLOTS = OS_HUGE_PAGE / SLOT_SIZE };
/* A heap with so many slots in use is large: 2 MiB are 3 % of it. And so many bytes have to be left below the
 * limit. */
enum { LARGE_MIN = 64 * 1024 * 1024 / SLOT_SIZE, ROOM_MIN = 32 * 1024 * 1024 };

static struct {
    lock_t lock; /* only ever tried: see slots_take */
    struct {
        uint32_t next, left;
    } runs[2];       /* for spans that may hold pointers; for noscan spans */
    bool never_huge; /* the kernel is set never to grant a huge page */
} slots = {.lock = LOCK_INIT(LOCK_RANK_NONE)};

/* The page statistics are written under the lock of the pages. Here and below they are read without it, for a
 * guess. */
__attribute__((no_sanitize("thread"))) bool slots_want_huge(void)
{
    return __atomic_load_n(&page_stats.slots_inuse, __ATOMIC_RELAXED) >= LARGE_MIN && !slots.never_huge &&
           pages_has_room(ROOM_MIN);
}

/* The page statistics count all of a run as resident from the start, so make it resident. */
static void touch(char *memory)
{
    for (size_t at = 0; at < OS_HUGE_PAGE; at += OS_PAGE)
        *(volatile char *)(memory + at) = 0;
}

/* Are idle slots to be used first, one by one? Scattered among slots in use, they make no run: if runs were
 * taken nevertheless, a heap whose spans die one by one would hold twice its goal. In a large heap idle slots
 * lie on huge pages already. */
__attribute__((no_sanitize("thread"))) static bool idle_comes_first(void)
{
    return __atomic_load_n(&page_stats.pages_idle, __ATOMIC_RELAXED) >= OS_HUGE_PAGE / OS_PAGE;
}

/* May the run have pages of a former user? Then the kernel would not fault in a huge page. */
static bool is_resident(const uint8_t *touched)
{
    uint8_t any = 0;
    for (uint32_t i = 0; i < RUN_SLOTS; i++)
        any |= touched[i];
    return any;
}

static void run_take(uint32_t which)
{
    uint8_t before[RUN_SLOTS];
    uint32_t first = pages_take(RUN_SLOTS, OS_HUGE_PAGE / OS_PAGE, RUN_SLOTS, before);
    if (!first)
        return;
    if (is_resident(before))
        os_release(region_address(first), OS_HUGE_PAGE);
    slots.never_huge = !os_touch_huge(region_address(first));
    touch(region_address(first));
    slots.runs[which].next = first;
    slots.runs[which].left = RUN_SLOTS;
}

/* The lock is not waited for: the limit's callback may run under it and come here again, and a fork may leave
 * it taken in the child. Then slots come one at a time. */
uint32_t slots_take(enum span_kind kind)
{
    uint32_t which = kind == KIND_NOSCAN, slot = 0;
    if (lock_try(&slots.lock)) {
        if (!slots.runs[which].left && !idle_comes_first() && slots_want_huge())
            run_take(which);
        if (slots.runs[which].left) {
            slots.runs[which].left--;
            slot = slots.runs[which].next++;
        }
        lock_release(&slots.lock);
    }
    return slot ? slot : pages_take_span(BACKED_BY_SMALL);
}
