/* account: what each entry point counts, exactly. */
#include "runtime/control/account.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <weir/gc.h>

#include "runtime/cells/cache.h"
#include "runtime/control/trim.h"
#include "runtime/malloc/remote.h"
#include "runtime/observe/stats.h"
#include "tests/unit/support.h"

typedef struct counts {
    uint64_t mallocs, frees, live_bytes;
} counts_t;

static counts_t counts_now(void)
{
    account_t account;
    account_read(&account);
    counts_t now = {account.large_allocs, account.large_frees,
                    account.large_alloc_bytes - account.large_free_bytes};
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
        now.mallocs += account.mallocs[cls];
        now.frees += account.frees[cls];
        now.live_bytes += (account.mallocs[cls] - account.frees[cls]) * class_size(cls);
    }
    return now;
}

static counts_t origin;

static void expect_since(uint64_t mallocs, uint64_t frees, uint64_t live_bytes, const char *what)
{
    counts_t now = counts_now();
    cr_expect_eq(now.mallocs - origin.mallocs, mallocs, "%s: %zu mallocs", what,
                 now.mallocs - origin.mallocs);
    cr_expect_eq(now.frees - origin.frees, frees, "%s: %zu frees", what, now.frees - origin.frees);
    cr_expect_eq(now.live_bytes - origin.live_bytes, live_bytes, "%s: %zu live", what,
                 now.live_bytes - origin.live_bytes);
}

static void start(void)
{
    heap_free(heap_malloc(1));
    origin = counts_now();
}

/* --- one call of each kind counts once, with the usable size of the block --- */

static void *by_malloc(size_t size)
{
    return heap_malloc(size);
}

static void *by_calloc(size_t size)
{
    return heap_calloc(1, size);
}

static void *by_realloc(size_t size)
{
    return heap_realloc(NULL, size);
}

static void *by_aligned(size_t size)
{
    return heap_aligned(16, size);
}

static void *by_aligned_to_4096(size_t size)
{
    return heap_aligned(4096, size);
}

static const struct {
    const char *name;
    void *(*call)(size_t size);
} calls[] = {{"malloc", by_malloc},
             {"calloc", by_calloc},
             {"realloc", by_realloc},
             {"aligned 16", by_aligned},
             {"aligned 4096", by_aligned_to_4096}};

static const size_t sizes[] = {0,     1,     16,     17,     100,        1024,   1025,
                               32768, 32769, 100000, MIB(2), MIB(2) + 1, MIB(20)};

Test(account, every_call_counts_once)
{
    for (size_t i = 0; i < COUNT(calls); i++)
        for (size_t j = 0; j < COUNT(sizes); j++) {
            char what[64];
            snprintf(what, sizeof what, "%s of %zu", calls[i].name, sizes[j]);
            start();
            void *p = calls[i].call(sizes[j]);
            expect_since(1, 0, heap_usable_size(p), what);
            heap_free(p);
            expect_since(1, 1, 0, what);
        }
}

/* --- realloc: a block that moves is one more malloc and one more free; in place, neither --- */

Test(account, resizing)
{
    const size_t lengths[] = {1, 100, 900, 30000, 40000, 70000, MIB(1), MIB(3), MIB(10)};
    for (size_t i = 0; i < COUNT(lengths); i++)
        for (size_t j = 0; j < COUNT(lengths); j++) {
            char what[64];
            snprintf(what, sizeof what, "%zu to %zu", lengths[i], lengths[j]);
            start();
            void *p = heap_malloc(lengths[i]), *q = heap_realloc(p, lengths[j]);
            bool moved = p != q;
            expect_since(1 + moved, moved, heap_usable_size(q), what);
            heap_free(q);
            expect_since(1 + moved, 1 + moved, 0, what);
        }
}

Test(account, calls_that_fail_or_do_nothing_count_nothing)
{
    char *p = heap_malloc(100), *q = heap_malloc(MIB(4));
    start();
    heap_free(NULL);
    heap_malloc(SIZE_MAX);
    heap_calloc(SIZE_MAX, 16);
    heap_realloc(p, PTRDIFF_MAX);
    heap_realloc(q, PTRDIFF_MAX);
    heap_aligned(64, SIZE_MAX);
    heap_usable_size(p);
    trim_all(0);
    expect_since(0, 0, 0, "nothing");
}

/* --- each class by itself, over many cells; the free ones lie in caches or in spans --- */

Test(account, every_class_for_itself)
{
    static void *cells[CLASS_COUNT][300];
    start();
    account_t before, account;
    account_read(&before);
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        for (size_t i = 0; i < cls * 5u; i++)
            cells[cls][i] = heap_malloc(class_size(cls));
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
        for (size_t i = 0; i < cls * 2u; i++)
            heap_free(cells[cls][i]);
    account_read(&account);
    for (uint32_t cls = 1; cls < CLASS_COUNT; cls++) {
        cr_expect_eq(account.mallocs[cls] - before.mallocs[cls], cls * 5u, "class %u", cls);
        cr_expect_eq(account.frees[cls] - before.frees[cls], cls * 2u, "class %u", cls);
    }
    trim_all(0);
    account_t after;
    account_read(&after);
    cr_expect_arr_eq(after.mallocs, account.mallocs, sizeof after.mallocs, "caches went back into spans");
    cr_expect_arr_eq(after.frees, account.frees, sizeof after.frees);
}

/* --- several threads --- */

enum { THREADS = 4, CELLS = 5000 };
static void *handed[THREADS][CELLS];
static pthread_barrier_t barrier;

static void allocate_then_free_the_neighbours(size_t number)
{
    for (size_t i = 0; i < CELLS; i++)
        CHECK((handed[number][i] = heap_malloc(i * 13 % 2000)) != NULL);
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < CELLS; i += 2)
        heap_free(handed[(number + 1) % THREADS][i]);
    pthread_barrier_wait(&barrier); /* here the account is read: cells lie in outboxes and inboxes */
    pthread_barrier_wait(&barrier);
}

static void read_at_the_barrier(size_t number)
{
    if (number < THREADS) {
        allocate_then_free_the_neighbours(number);
        return;
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    counts_t now = counts_now();
    CHECK(now.mallocs - origin.mallocs == THREADS * CELLS, "%zu", now.mallocs - origin.mallocs);
    CHECK(now.frees - origin.frees == THREADS * CELLS / 2, "%zu", now.frees - origin.frees);
    pthread_barrier_wait(&barrier);
}

Test(account, remote_frees_count_at_once)
{
    start();
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    threads_run(THREADS + 1, read_at_the_barrier);
    counts_t now = counts_now();
    cr_expect_eq(now.mallocs - origin.mallocs, THREADS * CELLS);
    cr_expect_eq(now.frees - origin.frees, THREADS * CELLS / 2);
    for (size_t number = 0; number < THREADS; number++)
        for (size_t i = 1; i < CELLS; i += 2)
            heap_free(handed[number][i]);
    expect_since(THREADS * CELLS, THREADS * CELLS, 0, "all freed");
}

/* --- read while threads work: no count falls or exceeds the calls that have begun; at the end the counts are
 * those of the calls, to within 1000 --- */

enum { WORKERS = 4, READS = 3000, HELD = 200, TRADED = 512 };
static atomic_bool over;
static _Atomic(void *) traded[TRADED];
static _Atomic uint64_t begun_mallocs, done_mallocs; /* calls that have begun; calls that are done */

static void *counted(size_t size, bool collected)
{
    begun_mallocs++;
    void *p = collected ? weir_gc_alloc(size) : heap_malloc(size);
    CHECK(p);
    done_mallocs++;
    return p;
}

/* Every block is freed by hand, collected ones too: by the thread that allocated it, or by the one that it
 * was traded to. */
static void work(size_t number, size_t rounds)
{
    uint64_t random = number + 1;
    void *held[HELD] = {NULL};
    for (size_t i = 0; i < rounds || (!rounds && !over); i++) {
        size_t place = random_below(&random, HELD), size = 16 + random_below(&random, 2000);
        heap_free(held[place]);
        held[place] = counted(size, number % 4 == 3);
        if (random_below(&random, 4) == 0)
            held[place] = atomic_exchange(&traded[random_below(&random, TRADED)], held[place]);
    }
    for (size_t i = 0; i < HELD; i++)
        heap_free(held[i]);
}

static void *work_briefly(void *number)
{
    work((size_t)number, 300);
    return NULL;
}

static void work_or_have_others_work(size_t number)
{
    if (number > 0) {
        work(number, 0);
        return;
    }
    for (pthread_t thread; !over; pthread_join(thread, NULL))
        CHECK(pthread_create(&thread, NULL, work_briefly, &traded) == 0);
}

static void expect_no_less(const weir_mem_stats *now, const weir_mem_stats *before)
{
    CHECK(now->total_alloc >= before->total_alloc && now->mallocs >= before->mallocs &&
          now->frees >= before->frees);
    for (size_t cls = 0; cls < now->num_size_classes; cls++)
        CHECK(now->by_size[cls].mallocs >= before->by_size[cls].mallocs &&
                  now->by_size[cls].frees >= before->by_size[cls].frees &&
                  now->by_size[cls].frees <= now->by_size[cls].mallocs,
              "class %zu", cls);
    CHECK(now->heap_objects == now->mallocs - now->frees);
    CHECK(now->num_gc >= before->num_gc && now->pause_total_ns >= before->pause_total_ns);
}

static void read_all_the_time(size_t unused)
{
    (void)unused;
    static weir_mem_stats now, before;
    stats_read(&before);
    for (size_t i = 0; i < READS; i++) {
        stats_read(&now);
        uint64_t most = begun_mallocs;
        CHECK(now.mallocs <= origin.mallocs + most + 1000, "%zu of %zu", now.mallocs,
              most); /* and threads' own */
        expect_no_less(&now, &before);
        before = now;
    }
    over = true;
}

static void read_or_work(size_t number)
{
    number ? work_or_have_others_work(number - 1) : read_all_the_time(0);
}

Test(account, read_while_threads_work)
{
    weir_gc_free(weir_gc_alloc(1));
    start();
    threads_run(1 + WORKERS, read_or_work);
    for (size_t i = 0; i < TRADED; i++)
        heap_free(traded[i]);
    remote_drain(cache.heap);
    weir_gc();
    counts_t now = counts_now();
    cr_expect_geq(now.mallocs - origin.mallocs, done_mallocs);
    cr_expect_leq(now.mallocs - origin.mallocs, done_mallocs + 1000);
    cr_expect_leq(now.mallocs - origin.mallocs - (now.frees - origin.frees), 1000, "%zu live of %zu",
                  now.mallocs - origin.mallocs - (now.frees - origin.frees), (size_t)done_mallocs);
}
