/* thread: threads that come and go. */
#include <criterion/criterion.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/control/account.h"
#include "runtime/control/control.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/profile/guard.h"
#include "tests/unit/support.h"

enum { AT_ONCE = 4, THREADS = SANITIZED ? 2000 : 10000 };

static void start(void)
{
    heap_free(heap_malloc(1));
}

static size_t count_heaps(int status)
{
    size_t count = 0;
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        count += heap->status == status;
    return count;
}

static uint64_t live_objects(void)
{
    account_t account;
    account_read(&account);
    uint64_t live = 0;
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
        live += account.mallocs[cls] - account.frees[cls];
    return live;
}

/* --- the start --- */

static uint64_t delay_ns; /* of the second thread */

/* pages_init makes the region; guard_init comes after it. The word is read without a lock, on purpose. */
__attribute__((no_sanitize("thread"))) static bool has_region(void)
{
    return *(void *volatile *)&region.chunks != NULL;
}

/* guard_init makes the guard's pages. A thread that passed the start before that would get a heap that never
 * guards a block. */
static void begin_beside(size_t number)
{
    while (number == 1 && !has_region())
        ;
    for (uint64_t from = os_now_ns(); number == 1 && os_now_ns() - from < delay_ns;)
        ;
    heap_free(heap_malloc(1));
    CHECK(guard_is_on() && cache.heap->sampling && control_memory_limit() == 1 << 30);
}

/* In each child two threads start the runtime. From child to child the second one comes a little later. */
Test(thread, none_passes_before_the_runtime_has_started)
{
    enum { CHILDREN = SANITIZED ? 50 : 200, STEP_NS = 200 };
    setenv("WEIR_MEMLIMIT", "1GiB", 1);
    setenv("WEIR_DEBUG", "guard=100", 1);
    for (int i = 0; i < CHILDREN; i++) {
        delay_ns = (uint64_t)i * STEP_NS;
        int status;
        pid_t child = fork();
        if (child == 0) {
            threads_run(2, begin_beside);
            _exit(0);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0);
    }
}

/* --- how many the kernel counts --- */

static _Atomic bool may_end;

static void *wait_to_end(void *argument)
{
    while (!may_end)
        usleep(1000);
    return argument;
}

Test(thread, the_kernel_counts_each_thread_of_the_process)
{
    pthread_t threads[AT_ONCE];
    cr_assert_geq(os_thread_count(), 1);
    uint32_t before = 0;
    for (size_t i = 0; i < AT_ONCE; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, wait_to_end, NULL), 0);
        if (i == 0) /* ThreadSanitizer starts one of its own beside the first */
            before = os_thread_count();
    }
    cr_expect_eq(os_thread_count(), before + AT_ONCE - 1);
    may_end = true;
    for (size_t i = 0; i < AT_ONCE; i++)
        pthread_join(threads[i], NULL);
}

static void *kept[AT_ONCE];

static void live_shortly(size_t number)
{
    void *blocks[100];
    for (size_t i = 0; i < COUNT(blocks); i++)
        CHECK((blocks[i] = heap_malloc(1 + i * 91 % 5000)) != NULL);
    for (size_t i = 1; i < COUNT(blocks); i++)
        heap_free(blocks[i]);
    kept[number] = blocks[0];
}

Test(thread, ten_thousand_short_lives)
{
    start();
    for (size_t i = 0; i < THREADS; i += AT_ONCE) {
        threads_run(AT_ONCE, live_shortly);
        for (size_t j = 0; j < AT_ONCE; j++)
            heap_free(kept[j]);
    }
    cr_expect_eq(live_objects(), 0);
    cr_expect_leq(count_heaps(HEAP_ORPHAN), AT_ONCE + 1, "and the orphanage");
    cr_expect_eq(count_heaps(HEAP_LIVE), 1);
    cr_expect_leq(PAGE_STAT(metadata), (AT_ONCE + 1) * (sizeof(heap_t) + KIB(4)));
    cr_expect_leq(PAGE_STAT(slots_inuse), 4 * AT_ONCE);
    cr_expect_leq(resident_region(), MIB(8));
    verify_own();
}

static _Atomic(heap_t *) left;

static void note_heap(size_t number)
{
    (void)number;
    heap_free(heap_malloc(1000));
    left = cache.heap;
    CHECK(cache.heap->word == os_thread_word());
}

Test(thread, a_heap_without_a_thread_is_taken_over_by_the_next_thread)
{
    start();
    threads_run(1, note_heap);
    heap_t *first = left;
    cr_expect_eq(first->status, HEAP_ORPHAN);
    cr_expect_eq(first->word, 0, "identities are used again: nobody owns it now");
    verify_heap(first);
    threads_run(1, note_heap);
    cr_expect_eq(left, first);
}

enum { MANY = 60, LEFT_SIZES = 20 };
static void *all_left[MANY][LEFT_SIZES];

static void leave_one_of_each(size_t number)
{
    for (size_t i = 0; i < LEFT_SIZES; i++)
        CHECK((all_left[number][i] = heap_malloc(16 * (i + 1))) != NULL);
}

/* The list of all heaps begins at an invalid address: a walk over it would crash. */
Test(thread, no_allocation_walks_the_heaps)
{
    start();
    threads_run(MANY, leave_one_of_each);
    heap_t *all = heaps.all;
    void *blocks[2 * SLOT_SIZE / 16];
    atomic_store(&heaps.all, (heap_t *)(uintptr_t)OS_PAGE);
    for (size_t i = 0; i < COUNT(blocks); i++)
        CHECK((blocks[i] = heap_malloc(16)) != NULL);
    bool is_used = false;
    for (size_t i = 0; i < MANY; i++)
        is_used |= span_of_slot(region_slot(all_left[i][0]))->heap == cache.heap;
    cr_expect(is_used, "what was left behind is used first");
    for (size_t i = 0; i < 500; i++) { /* of this class nothing was left behind */
        heap_free(blocks[i]);
        CHECK((blocks[i] = heap_malloc(16 * (LEFT_SIZES + 1))) != NULL);
    }
    for (size_t i = 0; i < MANY; i++)
        heap_free(all_left[i][0]);
    for (size_t i = 0; i < COUNT(blocks); i++)
        heap_free(blocks[i]);
    atomic_store(&heaps.all, all);
    for (size_t i = 0; i < MANY; i++)
        for (size_t j = 1; j < LEFT_SIZES; j++)
            heap_free(all_left[i][j]);
    cr_expect_eq(live_objects(), 0);
    verify_own();
}

/* --- destructors of keys that allocate and free --- */

static pthread_key_t key;
static atomic_int rounds;

static void *last_blocks[PTHREAD_DESTRUCTOR_ITERATIONS + 1];

static void keep_destroying(void *value)
{
    size_t round = (size_t)(uintptr_t)value;
    char *block = heap_malloc(300);
    CHECK(block != NULL);
    memset(block, 1, 300);
    heap_free(last_blocks[round - 1]);
    last_blocks[round] = block;
    rounds++;
    pthread_setspecific(key, (void *)(round + 1));
}

static void allocate_before_and_in_destructors(size_t number)
{
    (void)number;
    last_blocks[0] = heap_malloc(300);
    pthread_setspecific(key, (void *)1);
}

static void allocate_in_destructors_only(size_t number)
{
    (void)number;
    last_blocks[0] = NULL;
    pthread_setspecific(key, (void *)1);
}

static void check_destructors(void (*run)(size_t number))
{
    if (WATCHED)
        cr_skip_test("the last round of destructors is not watched");
    start();
    pthread_key_create(&key, keep_destroying);
    for (int i = 0; i < 100; i++) {
        threads_run(1, run);
        heap_free(last_blocks[PTHREAD_DESTRUCTOR_ITERATIONS]);
    }
    cr_expect_eq(rounds, 100 * PTHREAD_DESTRUCTOR_ITERATIONS);
    cr_expect_eq(live_objects(), 0);
    cr_expect_eq(count_heaps(HEAP_LIVE), 1);
    cr_expect_eq(count_heaps(HEAP_ORPHAN), 2, "the thread's, and the orphanage");
}

Test(thread, destructors_may_allocate_in_every_round)
{
    check_destructors(allocate_before_and_in_destructors);
}

Test(thread, destructors_may_be_the_first_to_allocate)
{
    check_destructors(allocate_in_destructors_only);
}
