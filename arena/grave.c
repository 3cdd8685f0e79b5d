/* grave: see grave.h. A ring of ranges, oldest first. */
#include <stdbool.h>

#include "arena/grave.h"

#include <errno.h>
#include <stdatomic.h>

#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { RANGES = 1024 };
static const size_t BYTES = (size_t)1 << 30;

typedef struct range {
    void *start;
    size_t size;
} range_t;

/* All under the lock. */
static struct {
    lock_t lock;
    range_t ring[RANGES];
    size_t first, count;
    size_t bytes;
} grave = {.lock = LOCK_INIT(LOCK_RANK_ARENAS)};

void *grave_map(size_t size)
{
    void *start = os_reserve_for_program(size);
    if (start && os_commit(start, size)) {
        atomic_fetch_add_explicit(&ledger.metadata, size, memory_order_relaxed);
        return start;
    }
    if (start)
        os_unreserve(start, size);
    errno = ENOMEM;
    return NULL;
}

static void drop_oldest(void)
{
    range_t *oldest = &grave.ring[grave.first];
    os_unreserve(oldest->start, oldest->size);
    grave.bytes -= oldest->size;
    grave.first = (grave.first + 1) % RANGES;
    grave.count--;
}

/* Where the kernel refuses (too many mappings), the range is unmapped at once: inaccessible too, though for
 * less long. */
void grave_put(void *start, size_t size)
{
    int saved = errno;
    lock_acquire(&grave.lock);
    if (os_decommit(start, size)) {
        if (grave.count == RANGES)
            drop_oldest();
        grave.ring[(grave.first + grave.count++) % RANGES] = (range_t){start, size};
        grave.bytes += size;
        while (grave.bytes > BYTES && grave.count > 1)
            drop_oldest();
    } else {
        os_unreserve(start, size);
    }
    lock_release(&grave.lock);
    atomic_fetch_sub_explicit(&ledger.metadata, size, memory_order_relaxed);
    errno = saved;
}

bool grave_before_fork(void)
{
    return lock_acquire_soon(&grave.lock);
}

void grave_after_fork(bool child)
{
    lock_after_fork(&grave.lock, child);
}
