/* zero: see zero.h. */
#include "runtime/malloc/zero.h"

#include "runtime/os/lock.h"
#include "runtime/pages/pages.h"

enum { ADDRESSES = ZERO_ZONE / 16, WORDS = ADDRESSES / 64 };

static struct {
    lock_t lock;     /* protects all of this */
    uint64_t *taken; /* WORDS */
    uint32_t low;    /* no word below has a free bit */
    uint64_t allocs, frees;
} zero = {.lock = LOCK_INIT(LOCK_RANK_ZERO)};

static void *take_address(void)
{
    if (!zero.taken && (zero.taken = pages_metadata(WORDS * sizeof(uint64_t))) == NULL)
        return NULL;
    while (zero.low < WORDS && zero.taken[zero.low] == ~(uint64_t)0)
        zero.low++;
    if (zero.low == WORDS)
        return NULL;
    uint32_t bit = (uint32_t)__builtin_ctzll(~zero.taken[zero.low]);
    zero.taken[zero.low] |= (uint64_t)1 << bit;
    zero.allocs++;
    return (char *)region_base + ((size_t)zero.low * 64 + bit) * 16;
}

void *zero_malloc(void)
{
    lock_acquire(&zero.lock);
    void *p = take_address();
    lock_release(&zero.lock);
    return p;
}

bool zero_owns(const void *p)
{
    return (uintptr_t)p - region_base < ZERO_ZONE;
}

bool zero_free(void *p)
{
    size_t index = ((uintptr_t)p - region_base) / 16;
    uint64_t bit = (uint64_t)1 << index % 64;
    lock_acquire(&zero.lock);
    bool taken = zero.taken && (uintptr_t)p % 16 == 0 && zero.taken[index / 64] & bit;
    if (taken) {
        zero.taken[index / 64] &= ~bit;
        zero.frees++;
        if (index / 64 < zero.low)
            zero.low = (uint32_t)(index / 64);
    }
    lock_release(&zero.lock);
    return taken;
}

void zero_count(uint64_t *allocs, uint64_t *frees)
{
    lock_acquire(&zero.lock);
    *allocs = zero.allocs;
    *frees = zero.frees;
    lock_release(&zero.lock);
}

bool zero_before_fork(void)
{
    return lock_acquire_soon(&zero.lock);
}

void zero_after_fork(bool child)
{
    lock_after_fork(&zero.lock, child);
}
