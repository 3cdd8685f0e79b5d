/* extents: see extents.h. jemalloc's arena 0 with its default hooks, which end in extents_os.c. The
 * options and their reasons:
 *
 *   cache_oblivious false   else each large block takes a page more, which breaks the packing of slots; set
 *                           as a variable, since 5.3.0 has no such option in this build
 *   oversize_threshold:0, lg_extent_max_active_fit:63   one arena, any extent serves any request
 *   dirty_decay_ms:-1       we say when idle memory goes back (idle.c); decay by ticks stops when calls stop
 *   muzzy_decay_ms:0        purged memory goes back at once, without a second stage
 *   tcache:false, narenas:1 we cache above
 *   dss:disabled            the break is the program's
 *
 * jemalloc commits what it uses, and nothing ahead. Purging also decommits where commitment is scarce
 * (os_commit_is_scarce), or after the kernel has refused to commit.
 *
 * jemalloc's calls take about 2 KiB of stack and its start 12, more than a thread may have left: they run on
 * a stack of their own. The memory that the start needs is taken beforehand: so either that is refused, and
 * the start may be tried again, or the start succeeds.
 *
 * Two functions are called that are no part of jemalloc's interface (5.3): arena_decay and base_stats_get.
 * The interface reaches them through mallctl, which allocates 0.2 MiB of tables for statistics, even when
 * memory has just run out.
 *
 * MALLOC_CONF is meant for a program's own jemalloc, and is not read here (tools/cmake/jemalloc-standins.c).
 * Options are given by malloc_conf_2_conf_harder, which is applied last.
 */
#include "runtime/region/extents.h"

#include <errno.h>
#include <stdint.h>

#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/os/stack.h"
#include "runtime/region/extents_os.h"
#include "runtime/region/region.h"

/* jemalloc's names as tools/cmake prefixes them; its own header would declare the unprefixed ones. */
#define MALLOCX_ARENA(index) ((int)(((index) + 1) << 20))
#define MALLOCX_TCACHE_NONE (1 << 8)
#define MALLOCX_LG_ALIGN(lg) (lg)
void *weir_je_mallocx(size_t size, int flags);
void weir_je_sdallocx(void *memory, size_t size, int flags);
size_t weir_je_xallocx(void *memory, size_t size, size_t extra, int flags);
size_t weir_je_nallocx(size_t size, int flags);
void weir_je_arena_decay(void *thread, void *arena, bool is_background_thread, bool all);
void *weir_je_b0get(void);
void weir_je_base_stats_get(void *thread, void *base, size_t *allocated, size_t *resident, size_t *mapped,
                            size_t *huge_pages);
extern void *weir_je_arenas[];
extern __thread char weir_je_tsd_tls[];
extern bool weir_je_opt_cache_oblivious;

#define CONF                                                                                                 \
    "oversize_threshold:0,lg_extent_max_active_fit:63,dirty_decay_ms:-1,muzzy_decay_ms:0,tcache:false,"      \
    "narenas:1,background_thread:false,retain:true,dss:disabled"
extern const char *weir_je_malloc_conf_2_conf_harder;
const char *weir_je_malloc_conf_2_conf_harder = CONF;

enum { FLAGS = MALLOCX_ARENA(0) | MALLOCX_TCACHE_NONE };

/* All of this is under the pages' lock. */
static struct {
    bool awake;
    bool frugal; /* commitment is scarce */
    char *stack;
} extents;

/* --- calls on the stack --- */

typedef struct call {
    void *memory;
    size_t size, wanted;
    int flags;
} call_t;

/* Keeps errno. */
static void call_jemalloc(void (*function)(void *call), call_t *call)
{
    int saved = errno;
    stack_call(extents.stack, function, call);
    errno = saved;
}

static void call_start(void *call)
{
    extents.awake = weir_je_nallocx(1, ((call_t *)call)->flags) != 0;
}

static void call_take(void *argument)
{
    call_t *call = argument;
    call->memory = weir_je_mallocx(call->size, call->flags);
}

static void call_give(void *argument)
{
    call_t *call = argument;
    weir_je_sdallocx(call->memory, call->size, call->flags);
}

static void call_extend(void *argument)
{
    call_t *call = argument;
    call->size = weir_je_xallocx(call->memory, call->wanted, 0, call->flags);
}

static void call_purge(void *unused)
{
    (void)unused;
    weir_je_arena_decay(NULL, weir_je_arenas[0], false, true);
}

static void call_thread_end(void *call)
{
    extents_os.thread_end(((call_t *)call)->memory);
}

/* --- life --- */

/* jemalloc never joins what it got from two calls for extents. In a small region that leaves no room for
 * large blocks after a while, so there it gets all that there is in one call. */
static void take_whole_region(void)
{
    size_t rest = region.size - region.carved;
    for (size_t size = rest; size >= rest / 2 && size >= CHUNK_SIZE; size -= CHUNK_SIZE) {
        void *memory = extents_rounded(size, CHUNK_SIZE) <= rest ? extents_take(size, CHUNK_SIZE) : NULL;
        if (memory) {
            extents_give(memory, size);
            if (extents.frugal)
                extents_purge(true);
            return;
        }
    }
}

static bool extents_start(void)
{
    if (!extents.stack)
        extents.stack = stack_make();
    if (!extents.stack || !extents_os_prepare())
        return false;
    weir_je_opt_cache_oblivious = false;
    call_jemalloc(call_start, &(call_t){.flags = FLAGS});
    return extents.awake;
}

bool extents_wake(void)
{
    if (LIKELY(extents.awake))
        return true;
    int saved = errno;
    if (extents_start() && region.is_small)
        take_whole_region();
    errno = saved;
    return extents.awake;
}

void extents_init(void)
{
    extents.frugal = os_commit_is_scarce();
}

bool extents_is_awake(void)
{
    return extents.awake;
}

bool extents_is_frugal(void)
{
    return extents.frugal;
}

void extents_before_fork(void)
{
    if (extents_os.before_fork)
        extents_os.before_fork();
}

void extents_after_fork(bool child)
{
    if (extents_os.before_fork)
        (child ? extents_os.after_fork_child : extents_os.after_fork_parent)();
}

bool extents_knows_thread(void)
{
    return extents_os_thread != NULL;
}

void extents_thread_end(void)
{
    call_jemalloc(call_thread_end, &(call_t){.memory = extents_os_thread});
    extents_os_thread = NULL;
}

/* --- memory --- */

static int with_alignment(size_t alignment)
{
    return FLAGS | MALLOCX_LG_ALIGN(__builtin_ctzl(alignment));
}

void *extents_take(size_t size, size_t alignment)
{
    if (!extents_is_awake())
        return NULL;
    call_t call = {.size = size, .flags = with_alignment(alignment)};
    extents_os.refused = false;
    call_jemalloc(call_take, &call);
    DEBUG_CHECK(!call.memory || region_owns(call.memory));
    return call.memory;
}

void extents_give(void *memory, size_t size)
{
    call_jemalloc(call_give, &(call_t){.memory = memory, .size = size, .flags = FLAGS});
}

size_t extents_extend(void *memory, size_t size, size_t wanted)
{
    call_t call = {.memory = memory, .wanted = wanted, .flags = FLAGS};
    extents_os.refused = false;
    call_jemalloc(call_extend, &call);
    return call.size >= wanted && call.size > size ? call.size : 0;
}

size_t extents_shrink(void *memory, size_t size, size_t wanted)
{
    call_t call = {.memory = memory, .wanted = wanted, .flags = FLAGS};
    call_jemalloc(call_extend, &call);
    return call.size < size ? call.size : size;
}

size_t extents_purge(bool decommit)
{
    size_t before = extents_os.purged;
    if (!extents_is_awake())
        return 0;
    extents_os.decommits = decommit;
    call_jemalloc(call_purge, NULL);
    extents_os.decommits = false;
    return (extents_os.purged - before) * OS_PAGE;
}

size_t extents_decommits(void)
{
    return extents_os.decommited;
}

/* What jemalloc has allocated for its metadata, without the parts that were never written. Those are in the
 * radix tree from addresses to extents: a leaf has 2 MiB and describes 1 GiB, and at most one page of it is
 * written for each 2 MiB described. All other metadata is written as it is allocated. */
size_t extents_metadata_bytes(void)
{
    enum { LEAF = 2 * 1024 * 1024, LEAF_SHIFT = 30, WRITTEN_SHIFT = 9 };
    size_t allocated, resident, mapped, huge_pages;
    if (!extents_is_awake())
        return 0;
    weir_je_base_stats_get(NULL, weir_je_b0get(), &allocated, &resident, &mapped, &huge_pages);
    size_t leaves = ((region_base + region.carved - 1) >> LEAF_SHIFT) - (region_base >> LEAF_SHIFT) + 1;
    if (leaves > allocated / LEAF) /* a large extent has leaves at its ends alone */
        leaves = allocated / LEAF;
    return allocated - leaves * LEAF + ((region.used - ZERO_ZONE) >> WRITTEN_SHIFT);
}

size_t extents_rounded(size_t size, size_t alignment)
{
    return weir_je_nallocx(size, with_alignment(alignment));
}

size_t extents_thread_local(uintptr_t *start)
{
    *start = (uintptr_t)weir_je_tsd_tls;
    return WEIR_JEMALLOC_THREAD_LOCAL;
}
