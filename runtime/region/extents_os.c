/* extents_os: see extents_os.h. The names and the meaning of their results (true is failure) are jemalloc
 * 5.3's: pages.h, extent_mmap.h. base.o's calls of extent_alloc_mmap are renamed to base_alloc_mmap
 * (tools/cmake/prefix-jemalloc). */
#include "runtime/region/extents_os.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "runtime/os/check.h"
#include "runtime/os/claim.h"
#include "runtime/os/os.h"
#include "runtime/region/region.h"

enum { BASE_BLOCK = 2 * 1024 * 1024 }; /* what jemalloc asks for first; it always asks for multiples of it */

struct extents_os extents_os;
__thread void *extents_os_thread;

/* --- extents --- */

void *weir_je_extent_alloc_mmap(void *at, size_t size, size_t alignment, bool *zero, bool *commit);
void *weir_je_extent_alloc_mmap(void *at, size_t size, size_t alignment, bool *zero, bool *commit)
{
    if (at || extents_os.refused)
        return NULL;
    size_t whole = (size + CHUNK_SIZE - 1) & ~(size_t)(CHUNK_SIZE - 1);
    *zero = true;
    return region_carve(whole, alignment > CHUNK_SIZE ? alignment : CHUNK_SIZE, *commit ? size : 0);
}

/* Addresses are kept (opt_retain). */
bool weir_je_opt_retain = true;
bool weir_je_extent_dalloc_mmap(void *memory, size_t size);
bool weir_je_extent_dalloc_mmap(void *memory, size_t size)
{
    (void)memory, (void)size;
    return true;
}

bool weir_je_pages_commit(void *start, size_t size);
bool weir_je_pages_commit(void *start, size_t size)
{
    bool committed = region_commit(start, size);
    extents_os.refused |=
        !committed && errno == ENOMEM; /* EEXIST: a mapping is in the way; other addresses may be free */
    return !committed;
}

static void forget_touched(char *start, size_t length)
{
    DEBUG_CHECK(((uintptr_t)start | length) % SLOT_SIZE == 0);
    extents_os.purged += region_forget_touched(region_slot(start), (uint32_t)(length / SLOT_SIZE));
}

bool weir_je_pages_decommit(void *start, size_t size);
bool weir_je_pages_decommit(void *start, size_t size)
{
    if (!extents_os.decommits || !region_decommit(start, size))
        return true;
    extents_os.decommited++;
    forget_touched(start, size);
    return false;
}

bool weir_je_pages_purge_forced(void *start, size_t size);
bool weir_je_pages_purge_forced(void *start, size_t size)
{
    if (!os_release(start, size))
        return true;
    forget_touched(start, size);
    return false;
}

/* --- base memory --- */

static struct {
    char *addresses; /* of the first block */
    bool ready;      /* it is mapped, and not handed out yet */
} first;

bool extents_os_prepare(void)
{
    if (!first.addresses)
        first.addresses = claim(BASE_BLOCK, BASE_BLOCK);
    if (first.addresses && !first.ready)
        first.ready = claim_map(first.addresses, BASE_BLOCK);
    return first.ready;
}

void *weir_je_base_alloc_mmap(void *at, size_t size, size_t alignment, bool *zero, bool *commit);
void *weir_je_base_alloc_mmap(void *at, size_t size, size_t alignment, bool *zero, bool *commit)
{
    (void)at;
    *zero = *commit = true;
    if (size == BASE_BLOCK && first.ready) {
        first.ready = false;
        return first.addresses;
    }
    char *memory = claim(size, alignment);
    return memory && claim_map(memory, size) ? memory : NULL;
}

/* --- the rest of jemalloc's layer --- */

bool weir_je_pages_boot(void);
bool weir_je_pages_boot(void)
{
    return false;
}

/* Not called with the options of extents.c, or of no use here. */
#define FAILS(name)                                                                                          \
    bool weir_je_##name(void *start, size_t size);                                                           \
    bool weir_je_##name(void *start, size_t size)                                                            \
    {                                                                                                        \
        (void)start, (void)size;                                                                             \
        return true;                                                                                         \
    }
FAILS(pages_purge_lazy)
FAILS(pages_huge)
FAILS(pages_nohuge)

#define DOES_NOTHING(name)                                                                                   \
    void weir_je_##name(void *start, size_t size);                                                           \
    void weir_je_##name(void *start, size_t size)                                                            \
    {                                                                                                        \
        (void)start, (void)size;                                                                             \
    }
DOES_NOTHING(pages_unmap)
DOES_NOTHING(pages_set_thp_state)
DOES_NOTHING(pages_mark_guards)
DOES_NOTHING(pages_unmark_guards)

void *weir_je_pages_map(void *at, size_t size, size_t alignment, bool *commit);
void *weir_je_pages_map(void *at, size_t size, size_t alignment, bool *commit)
{
    (void)at, (void)size, (void)alignment, (void)commit;
    return NULL;
}

enum { THP_DEFAULT, THP_NOT_SUPPORTED = 3 };
int weir_je_opt_thp = THP_DEFAULT, weir_je_init_system_thp_mode = THP_NOT_SUPPORTED;
const char *weir_je_thp_mode_names[] = {"default", "always", "never", "not supported", NULL};

/* --- in place of libc's functions --- */

/* jemalloc makes one key, which is not one of libc's for two reasons. Setting one of libc's allocates if the
 * program has many, and jemalloc would do that under the pages' lock. And libc forgets a key that is set in
 * the last round of a thread's destructors. */
int weir_je_pthread_key_create(unsigned *key, void (*destructor)(void *));
int weir_je_pthread_key_create(unsigned *key, void (*destructor)(void *))
{
    *key = 0;
    extents_os.thread_end = destructor;
    return 0;
}

int weir_je_pthread_setspecific(unsigned key, const void *thread);
int weir_je_pthread_setspecific(unsigned key, const void *thread)
{
    (void)key;
    extents_os_thread = (void *)(uintptr_t)thread;
    return 0;
}

/* If these were registered with libc, they would run before our fork handlers, and take jemalloc's locks
 * before ours. */
int weir_je_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int weir_je_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    extents_os.before_fork = prepare;
    extents_os.after_fork_parent = parent;
    extents_os.after_fork_child = child;
    return 0;
}
