/* claim: see claim.h. */
#include "runtime/os/claim.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "runtime/os/os.h"
#include "runtime/os/own.h"

/* Since Linux 4.17. An older kernel takes the address as a hint only, and may return another one. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define ZONE_START ((uintptr_t)0x680000000000)
#define ZONE_END ((uintptr_t)0x700000000000)
enum { START_BITS = 20, START_SHIFT = 22, TRIES = 4 };
static const size_t TRY_STEP = (size_t)1 << 38; /* 256 GiB */

static _Atomic uintptr_t zone_next; /* 0: not chosen yet */

/* Derived from the addresses of this library and of the vDSO, which the kernel randomizes. With randomization
 * switched off the result is always the same, so that a debugger sees the same addresses in each run. */
static uintptr_t first_start(void)
{
    uint64_t mix = (uint64_t)getauxval(AT_SYSINFO_EHDR) * 3 + (uintptr_t)&zone_next;
    mix = (mix >> 12) * 0x9e3779b97f4a7c15u;
    return ZONE_START + ((uintptr_t)(mix >> (64 - START_BITS)) << START_SHIFT);
}

static bool in_zone(const void *start)
{
    return (uintptr_t)start - ZONE_START < ZONE_END - ZONE_START;
}

static bool map_at(void *start, size_t size, int access)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *got = mmap(start, size, access, flags, -1, 0);
    if (got == start)
        return true;
    if (got != MAP_FAILED) {
        munmap(got, size);
        errno = EEXIST;
    }
    return false;
}

/* The next addresses of the zone; 0: it is full. */
static uintptr_t zone_take(size_t size, size_t alignment)
{
    uintptr_t start, next = 0;
    atomic_compare_exchange_strong(&zone_next, &next, first_start());
    next = zone_next;
    do {
        start = (next + alignment - 1) & ~(uintptr_t)(alignment - 1);
        if (size > ZONE_END - ZONE_START || start > ZONE_END - size)
            return 0;
    } while (!atomic_compare_exchange_weak(&zone_next, &next, start + size));
    return start;
}

static void zone_skip(void)
{
    atomic_fetch_add(&zone_next, TRY_STEP);
}

/* ThreadSanitizer's mmap replaces an address outside of its own ranges by 0, and keeps MAP_FIXED_NOREPLACE:
 * a claim in the zone would be tried at address 0. */
#ifdef __SANITIZE_THREAD__
enum { TRIES_HERE = 0 };
#else
enum { TRIES_HERE = TRIES };
#endif

void *claim(size_t size, size_t alignment)
{
    for (int tries = 0; tries < TRIES_HERE; tries++) {
        void *start = (void *)zone_take(size, alignment); /* an address, nothing is there yet */
        if (!start)
            break;
        if (claim_is_free(start, OS_PAGE)) {
            own_add((uintptr_t)start, (uintptr_t)start + size);
            return start;
        }
        zone_skip();
    }
    return os_reserve(size, alignment);
}

bool claim_is_reserved(const void *start)
{
    return !in_zone(start);
}

bool claim_is_free(void *start, size_t size)
{
    return !in_zone(start) || (map_at(start, size, PROT_NONE) && munmap(start, size) == 0);
}

bool claim_map(void *start, size_t size)
{
    return in_zone(start) ? map_at(start, size, PROT_READ | PROT_WRITE) : os_commit(start, size);
}

bool claim_unmap(void *start, size_t size)
{
    return in_zone(start) ? munmap(start, size) == 0 : os_decommit(start, size);
}
