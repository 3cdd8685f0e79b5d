/* unwaited: while a thread gives memory back to the kernel, others allocate. The test wraps os_release: each
 * call has another thread take memory, and does not return before that is done. If the other thread waited
 * for the release, the two would wait for each other, and the alarm would end them. */
#include <criterion/criterion.h>
#include <semaphore.h>
#include <signal.h>

#include "runtime/cells/cache.h"
#include "runtime/control/trim.h"
#include "runtime/os/os.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/bias.h"
#include "tests/unit/support.h"

static _Atomic(void (*)(void)) during; /* called in each release that the other thread does not make itself */
static _Atomic size_t releases;        /* the number of these releases */
static __thread bool is_other;

bool __real_os_release(void *start, size_t size);
bool __wrap_os_release(void *start, size_t size);
bool __wrap_os_release(void *start, size_t size)
{
    void (*happens)(void) = during;
    if (happens && !is_other) {
        releases++;
        happens();
    }
    return __real_os_release(start, size);
}

/* --- another thread takes and gives memory --- */

static sem_t wanted, done;
static size_t other_size;

static void *takes_when_asked(void *unused)
{
    is_other = true;
    for (;;) {
        sem_wait(&wanted);
        void *block = heap_malloc(other_size);
        CHECK(block != NULL);
        heap_free(block);
        sem_post(&done);
    }
    return unused;
}

static void take_by_other(void)
{
    sem_post(&wanted);
    sem_wait(&done);
}

/* From here on the other thread takes this many bytes during each release. */
static void begin(size_t size)
{
    pthread_t thread;
    alarm(HANG);
    sem_init(&wanted, 0, 0);
    sem_init(&done, 0, 0);
    heap_free(heap_malloc(1));
    other_size = size;
    CHECK(pthread_create(&thread, NULL, takes_when_asked, NULL) == 0);
    take_by_other(); /* it has its heap */
    pages_set_gc_percent(-1);
    trim_all(0);
}

static void end(void)
{
    during = NULL;
    cr_expect_gt(releases, 0, "nothing was given back, and nothing tested");
}

enum { BLOCKS = 24 };
static char *blocks[BLOCKS];

static void take_all(size_t size)
{
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i] = heap_malloc(size), i + 1, size);
}

static void free_all(void)
{
    for (int i = 0; i < BLOCKS; i++)
        heap_free(blocks[i]);
}

static void trim_with(size_t size, size_t others)
{
    begin(others);
    take_all(size);
    free_all();
    during = take_by_other;
    trim_all(0);
    end();
}

Test(unwaited, slots)
{
    trim_with(MIB(1), KIB(100));
}

Test(unwaited, slots_while_others_take_as_many)
{
    trim_with(MIB(1), MIB(1));
}

Test(unwaited, memory_of_the_extent_allocator)
{
    trim_with(MIB(5), KIB(100));
}

/* The other thread takes memory that the extent allocator could serve from what is being released. */
Test(unwaited, memory_of_the_extent_allocator_while_others_take_some)
{
    trim_with(MIB(5), MIB(5));
}

Test(unwaited, for_a_limit)
{
    begin(MIB(4));
    take_all(MIB(1));
    free_all();
    set_limits((int64_t)(MIB(1) * BLOCKS), INT64_MAX);
    during = take_by_other;
    char *large = heap_malloc(MIB(20));
    heap_free(memset(large, 1, MIB(20)));
    end();
}

/* --- clearing --- */

static void clear_again(size_t size)
{
    char *block = heap_malloc(size);
    heap_free(memset(block, 1, size));
    during = take_by_other;
    char *cleared = heap_calloc(1, size);
    during = NULL;
    CHECK(cleared != NULL);
    cr_expect(is_zero(cleared, size), "%zu bytes", size);
    memset(cleared, 1, size);
    heap_free(cleared);
    trim_all(0);
}

Test(unwaited, a_block_that_the_kernel_clears)
{
    begin(MIB(3));
    for (int i = 0; i < 3; i++)
        clear_again(MIB(40));
    end();
}

Test(unwaited, blocks_that_are_cleared_by_hand)
{
    begin(MIB(3));
    for (int i = 0; i < 3; i++)
        clear_again(MIB(3) + (size_t)i * MIB(7));
}

/* --- pages inside spans --- */

enum { CELLS = 1024, CELL = 1024 };
static void *cells[CELLS];

static void take_cells(void)
{
    for (int i = 0; i < CELLS; i++)
        memset(cells[i] = heap_malloc(CELL), 1, CELL);
}

/* One in each span stays. */
static void free_most_cells(void)
{
    for (int i = 0; i < CELLS; i++)
        if (i % (SLOT_SIZE / CELL) != 0)
            heap_free(cells[i]);
}

static void free_other_cells(void)
{
    for (int i = 0; i < CELLS; i++)
        if (i % (SLOT_SIZE / CELL) == 0)
            heap_free(cells[i]);
}

Test(unwaited, hollow_pages_and_the_spans_they_were_in)
{
    begin(KIB(100));
    take_cells();
    free_most_cells();
    during = take_by_other;
    trim_all(0);
    size_t hollowed = releases;
    free_other_cells();
    trim_all(0);
    cr_expect_gt(releases, hollowed);
    end();
}

/* --- the heap of a thread that sleeps, tended by another --- */

enum { OF_A_SPAN = SLOT_SIZE / OS_PAGE / 2 }; /* the most releases of one span */

static sem_t has_freed, may_go_on;
static heap_t *tended;
static _Atomic bool is_asked, has_gone_on;
static size_t since; /* releases after the thread was seen to wait, and before it went on */

static void *leaves_hollow_spans(void *unused)
{
    is_other = true;
    take_cells();
    free_most_cells();
    tended = thread_heap();
    sem_post(&has_freed);
    sem_wait(&may_go_on);
    heap_free(heap_malloc(CELL));
    has_gone_on = true;
    return unused;
}

static void count_since(void)
{
    since += !has_gone_on;
}

static void wake_the_owner(void)
{
    if (!is_asked)
        sem_post(&may_go_on);
    else
        count_since();
    while (!is_asked && tended->bias != BIAS_AWAITED)
        sched_yield();
    is_asked = true;
}

static void *allocates_first(void *unused)
{
    is_other = true;
    heap_free(heap_malloc(CELL));
    has_gone_on = true;
    return unused;
}

static void start_another(void)
{
    static pthread_t another;
    if (!is_asked)
        CHECK(pthread_create(&another, NULL, allocates_first, NULL) == 0);
    else
        count_since();
    while (!is_asked && !lock_is_wanted(&heaps.lock))
        sched_yield();
    is_asked = true;
}

static void tend_while(void (*happens)(void))
{
    pthread_t sleeper;
    begin(KIB(100));
    cr_assert(fence_is_cheap());
    sem_init(&has_freed, 0, 0);
    sem_init(&may_go_on, 0, 0);
    CHECK(pthread_create(&sleeper, NULL, leaves_hollow_spans, NULL) == 0);
    sem_wait(&has_freed);
    during = happens;
    while (!is_asked) /* until it is seen asleep */
        trim_all(0);
    while (!has_gone_on)
        sched_yield();
    cr_expect_leq(since, OF_A_SPAN, "%zu releases were waited for", since);
    end();
    sem_post(&may_go_on);
    pthread_join(sleeper, NULL);
    free_other_cells();
}

Test(unwaited, the_owner_of_a_tended_heap_is_let_in, .disabled = SANITIZED)
{
    tend_while(wake_the_owner);
}

Test(unwaited, a_thread_that_starts_meanwhile_gets_its_heap, .disabled = SANITIZED)
{
    tend_while(start_another);
}
