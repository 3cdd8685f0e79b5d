/* quarantine: see quarantine.h. A ring of ranges, oldest first. */
#include <stdbool.h>

#include "arena/quarantine.h"

#include <errno.h>
#include <stdatomic.h>

#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { RANGES = 1024 };
static const size_t BYTES = (size_t)1 << 30;

typedef struct quarantined {
    void *start;
    size_t size;
} quarantined_t;

/* All under the lock. */
static struct {
    lock_t lock;
    quarantined_t ring[RANGES];
    size_t first, count;
    size_t bytes;
} quarantine = {.lock = LOCK_INIT(LOCK_RANK_ARENAS)};

void *arena_quarantine_map(size_t size)
{
    void *start = os_reserve_for_program(size);
    if (start && os_commit(start, size)) {
        atomic_fetch_add_explicit(&page_stats.metadata, size, memory_order_relaxed);
        return start;
    }
    if (start)
        os_unreserve(start, size);
    errno = ENOMEM;
    return NULL;
}

static void drop_oldest(void)
{
    quarantined_t *oldest = &quarantine.ring[quarantine.first];
    os_unreserve(oldest->start, oldest->size);
    quarantine.bytes -= oldest->size;
    quarantine.first = (quarantine.first + 1) % RANGES;
    quarantine.count--;
}

/* If the kernel refuses (too many mappings), the range is unmapped at once: it is inaccessible then, too, but
 * its addresses may be used again sooner. */
void arena_quarantine_put(void *start, size_t size)
{
    int saved = errno;
    lock_acquire(&quarantine.lock);
    if (os_decommit(start, size)) {
        if (quarantine.count == RANGES)
            drop_oldest();
        quarantine.ring[(quarantine.first + quarantine.count++) % RANGES] = (quarantined_t){start, size};
        quarantine.bytes += size;
        while (quarantine.bytes > BYTES && quarantine.count > 1)
            drop_oldest();
    } else {
        os_unreserve(start, size);
    }
    lock_release(&quarantine.lock);
    atomic_fetch_sub_explicit(&page_stats.metadata, size, memory_order_relaxed);
    errno = saved;
}

bool arena_quarantine_before_fork(void)
{
    return lock_acquire_soon(&quarantine.lock);
}

void arena_quarantine_after_fork(bool child)
{
    lock_after_fork(&quarantine.lock, child);
}
