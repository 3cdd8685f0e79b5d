/* provider: see provider.h. The options and their reasons:
 *
 *   cache_oblivious false   else each large block takes a page more, which breaks the packing of slots; set as a
 *                           variable, since 5.3.0 has no such option in this build
 *   oversize_threshold:0, lg_extent_max_active_fit:63   one arena, any extent serves any request
 *   dirty_decay_ms:-1       we say when idle memory goes back (pages.c); decay by ticks never ends on its own
 *   muzzy_decay_ms:0        what is purged is gone, no second stage
 *   tcache:false, narenas:1 we cache above
 *
 * Where commitment is scarce (os_commit_is_scarce), jemalloc commits what it uses and nothing ahead, and purging
 * is decommitting.
 *
 * MALLOC_CONF is meant for another jemalloc: malloc_conf_2_conf_harder is applied after it and wins.
 */
#include "runtime/pages/provider.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/pages/region.h"

/* jemalloc's names as tools/cmake prefixes them; its own header would declare the unprefixed ones. */
#define MALLOCX_ARENA(index) ((int)(((index) + 1) << 20))
#define MALLOCX_TCACHE_NONE (1 << 8)
#define MALLOCX_LG_ALIGN(lg) (lg)
void *weir_je_mallocx(size_t size, int flags);
void weir_je_sdallocx(void *memory, size_t size, int flags);
size_t weir_je_xallocx(void *memory, size_t size, size_t extra, int flags);
size_t weir_je_nallocx(size_t size, int flags);
int weir_je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
int weir_je_mallctlnametomib(const char *name, size_t *mib, size_t *length);
int weir_je_mallctlbymib(const size_t *mib, size_t length, void *old, size_t *old_size, void *new,
                         size_t new_size);

#define CONF                                                                                                 \
    "oversize_threshold:0,lg_extent_max_active_fit:63,dirty_decay_ms:-1,muzzy_decay_ms:0,tcache:false,"      \
    "narenas:1,background_thread:false,retain:true"
extern bool weir_je_opt_cache_oblivious;
extern const char *weir_je_malloc_conf_2_conf_harder;
const char *weir_je_malloc_conf_2_conf_harder = CONF;

/* struct extent_hooks_s of jemalloc 5.3 */
typedef struct extent_hooks {
    void *(*alloc)(struct extent_hooks *, void *, size_t, size_t, bool *, bool *, unsigned);
    bool (*dalloc)(struct extent_hooks *, void *, size_t, bool, unsigned);
    void (*destroy)(struct extent_hooks *, void *, size_t, bool, unsigned);
    bool (*commit)(struct extent_hooks *, void *, size_t, size_t, size_t, unsigned);
    bool (*decommit)(struct extent_hooks *, void *, size_t, size_t, size_t, unsigned);
    bool (*purge_lazy)(struct extent_hooks *, void *, size_t, size_t, size_t, unsigned);
    bool (*purge_forced)(struct extent_hooks *, void *, size_t, size_t, size_t, unsigned);
    bool (*split)(struct extent_hooks *, void *, size_t, size_t, size_t, bool, unsigned);
    bool (*merge)(struct extent_hooks *, void *, size_t, void *, size_t, bool, unsigned);
} extent_hooks_t;

enum provider_state { ASLEEP, AWAKE, FAILED };

/* All of this is under the pages' lock. */
static struct {
    enum provider_state state;
    unsigned arena;
    int flags;
    size_t purge_mib[3], base_mib[4], internal_mib[4], epoch_mib[1];
    size_t purged;    /* pages, ever */
    size_t decommits; /* calls, ever */
    bool frugal;      /* commitment is scarce */
    void (*thread_end)(void *thread);
    void (*before_fork)(void), (*after_fork_parent)(void), (*after_fork_child)(void);
} provider;

/* jemalloc's record of this thread, if the thread was ever in jemalloc. */
static __thread void *known_thread __attribute__((tls_model("initial-exec")));

/* --- what jemalloc gets in place of libc's thread keys and fork handlers (see tools/cmake/prefix-jemalloc) --- */

/* It makes one key. Setting one of libc's allocates where a program has many, here, under the pages' lock; and
 * one that is set in the last round of a thread's destructors is forgotten. */
int weir_je_pthread_key_create(unsigned *key, void (*destructor)(void *));
int weir_je_pthread_key_create(unsigned *key, void (*destructor)(void *))
{
    *key = 0;
    provider.thread_end = destructor;
    return 0;
}

int weir_je_pthread_setspecific(unsigned key, const void *thread);
int weir_je_pthread_setspecific(unsigned key, const void *thread)
{
    (void)key;
    known_thread = (void *)(uintptr_t)thread;
    return 0;
}

/* Registered with libc they would be run before ours, and take its locks before ours. */
int weir_je_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int weir_je_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    provider.before_fork = prepare;
    provider.after_fork_parent = parent;
    provider.after_fork_child = child;
    return 0;
}

void provider_before_fork(void)
{
    if (provider.before_fork)
        provider.before_fork();
}

void provider_after_fork(bool child)
{
    if (provider.before_fork)
        (child ? provider.after_fork_child : provider.after_fork_parent)();
}

bool provider_knows_thread(void)
{
    return known_thread != NULL;
}

void provider_thread_end(void)
{
    provider.thread_end(known_thread);
    known_thread = NULL;
}

/* --- the hooks --- */

/* jemalloc's hooks have failure as `true`. */
static void *hook_alloc(extent_hooks_t *hooks, void *at, size_t size, size_t alignment, bool *zero,
                        bool *commit, unsigned arena)
{
    (void)hooks, (void)arena;
    if (at)
        return NULL;
    size_t whole = (size + CHUNK_SIZE - 1) & ~(size_t)(CHUNK_SIZE - 1);
    *commit = *commit || !provider.frugal;
    void *memory = region_carve(whole, alignment > CHUNK_SIZE ? alignment : CHUNK_SIZE,
                                *commit ? CARVE_COMMITTED : CARVE_RESERVED);
    if (!memory)
        return NULL;
    *zero = true;
    return memory;
}

static void forget_touched(char *start, size_t length)
{
    DEBUG_CHECK(((uintptr_t)start | length) % SLOT_SIZE == 0);
    provider.purged += region_forget_touched(region_slot(start), (uint32_t)(length / SLOT_SIZE));
}

static bool hook_purge(extent_hooks_t *hooks, void *start, size_t size, size_t offset, size_t length,
                       unsigned arena)
{
    (void)hooks, (void)size, (void)arena;
    if (!os_release((char *)start + offset, length))
        return true;
    forget_touched((char *)start + offset, length);
    return false;
}

static bool hook_commit(extent_hooks_t *hooks, void *start, size_t size, size_t offset, size_t length,
                        unsigned arena)
{
    (void)hooks, (void)size, (void)arena;
    return !os_commit((char *)start + offset, length);
}

static bool hook_decommit(extent_hooks_t *hooks, void *start, size_t size, size_t offset, size_t length,
                          unsigned arena)
{
    (void)hooks, (void)size, (void)arena;
    if (!provider.frugal || !os_decommit((char *)start + offset, length))
        return true;
    provider.decommits++;
    forget_touched((char *)start + offset, length);
    return false;
}

static bool hook_split(extent_hooks_t *hooks, void *start, size_t size, size_t a, size_t b, bool committed,
                       unsigned arena)
{
    (void)hooks, (void)start, (void)size, (void)a, (void)b, (void)committed, (void)arena;
    return false;
}

static bool hook_merge(extent_hooks_t *hooks, void *a, size_t a_size, void *b, size_t b_size, bool committed,
                       unsigned arena)
{
    (void)hooks, (void)a, (void)a_size, (void)b, (void)b_size, (void)committed, (void)arena;
    return false;
}

static extent_hooks_t hooks = {.alloc = hook_alloc,
                               .commit = hook_commit,
                               .decommit = hook_decommit,
                               .purge_forced = hook_purge,
                               .split = hook_split,
                               .merge = hook_merge};

/* --- the calls --- */

/* Names with our arena's index; a look-up by number later costs nothing and formats nothing. */
static bool provider_resolve(const char *before, const char *after, size_t *mib, size_t length)
{
    char name[64];
    snprintf(name, sizeof name, "%s%u%s", before, provider.arena, after);
    return weir_je_mallctlnametomib(name, mib, &length) == 0;
}

static bool provider_start(void)
{
    weir_je_opt_cache_oblivious = false;
    extent_hooks_t *table = &hooks;
    size_t size = sizeof provider.arena, epoch_length = 1;
    if (weir_je_mallctl("arenas.create", &provider.arena, &size, &table, sizeof(void *)) != 0)
        return false;
    provider.flags = MALLOCX_ARENA(provider.arena) | MALLOCX_TCACHE_NONE;
    uint64_t epoch = 1; /* the first refresh makes the new arena's statistics known by name */
    weir_je_mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
    return provider_resolve("arena.", ".purge", provider.purge_mib, 3) &&
           provider_resolve("stats.arenas.", ".base", provider.base_mib, 4) &&
           provider_resolve("stats.arenas.", ".internal", provider.internal_mib, 4) &&
           weir_je_mallctlnametomib("epoch", provider.epoch_mib, &epoch_length) == 0;
}

/* jemalloc never joins what it got from two calls of the alloc hook. In a small region that leaves no room for
 * large blocks after a while, so there it gets all that there is in one call. */
static void take_whole_region(void)
{
    size_t rest = region.size - region.carved;
    for (size_t size = rest; size >= rest / 2 && size >= CHUNK_SIZE; size -= CHUNK_SIZE) {
        void *memory = provider_rounded(size, CHUNK_SIZE) <= rest ? provider_take(size, CHUNK_SIZE) : NULL;
        if (memory) {
            provider_give(memory, size);
            if (provider.frugal)
                provider_purge();
            return;
        }
    }
}

bool provider_wake(void)
{
    if (LIKELY(provider.state != ASLEEP))
        return provider_is_awake();
    int saved = errno;
    provider.frugal = os_commit_is_scarce();
    provider.state = provider_start() ? AWAKE : FAILED;
    if (provider_is_awake() && region.is_small)
        take_whole_region();
    errno = saved;
    return provider_is_awake();
}

bool provider_is_awake(void)
{
    return provider.state == AWAKE;
}

void *provider_take(size_t size, size_t alignment)
{
    if (!provider_is_awake())
        return NULL;
    void *memory = weir_je_mallocx(size, provider.flags | MALLOCX_LG_ALIGN(__builtin_ctzl(alignment)));
    if (memory && !region_owns(memory)) { /* the arena was ignored (jemalloc#2791): not for us */
        weir_je_sdallocx(memory, size, MALLOCX_TCACHE_NONE);
        return NULL;
    }
    return memory;
}

void provider_give(void *memory, size_t size)
{
    weir_je_sdallocx(memory, size, provider.flags);
}

size_t provider_extend(void *memory, size_t size, size_t wanted)
{
    size_t now = weir_je_xallocx(memory, wanted, 0, provider.flags);
    return now >= wanted && now > size ? now : 0;
}

size_t provider_purge(void)
{
    size_t before = provider.purged;
    if (provider_is_awake())
        weir_je_mallctlbymib(provider.purge_mib, 3, NULL, NULL, NULL, 0);
    return (provider.purged - before) * OS_PAGE;
}

size_t provider_decommits(void)
{
    return provider.decommits;
}

static size_t provider_stat(const size_t *mib)
{
    size_t value = 0, size = sizeof value;
    if (provider_is_awake())
        weir_je_mallctlbymib(mib, 4, &value, &size, NULL, 0);
    return value;
}

static void provider_refresh(void)
{
    uint64_t epoch = 1;
    if (provider_is_awake())
        weir_je_mallctlbymib(provider.epoch_mib, 1, NULL, NULL, &epoch, sizeof epoch);
}

size_t provider_metadata_bytes(void)
{
    provider_refresh();
    return provider_stat(provider.base_mib) + provider_stat(provider.internal_mib);
}

size_t provider_rounded(size_t size, size_t alignment)
{
    return weir_je_nallocx(size, provider.flags | MALLOCX_LG_ALIGN(__builtin_ctzl(alignment)));
}
