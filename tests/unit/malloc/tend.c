/* tend: what sleeping threads cache is given to others; whether a thread is seen to sleep; a stress test. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/cells/cache.h"
#include "runtime/control/trim.h"
#include "runtime/os/fence.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/process/asleep.h"
#include "tests/unit/support.h"

/* --- is the thread asleep? --- */

static _Atomic int sleeper;
static _Atomic uintptr_t sleeper_end;
static _Atomic bool go_on;
static int until[2]; /* a pipe: reading waits until it is written */

static void tell(void)
{
    sleeper_end = os_stack_end();
    sleeper = os_thread_id();
}

static void wait_in_pipe(void)
{
    char byte;
    tell();
    CHECK(read(until[0], &byte, 1) == 1);
}

static void on_signal(int number)
{
    (void)number;
    wait_in_pipe();
}

static void *sleeps(void *unused)
{
    wait_in_pipe();
    return unused;
}

static void *sleeps_in_handler(void *on_stack_of_its_own)
{
    static char room[64 * 1024];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room}, before;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = on_stack_of_its_own ? SA_ONSTACK : 0};
    CHECK(!on_stack_of_its_own || sigaltstack(&stack, &before) == 0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
    /* Under AddressSanitizer `before` is its own stack, which it unmaps when the thread ends. */
    CHECK(!on_stack_of_its_own || sigaltstack(&before, NULL) == 0);
    return NULL;
}

static void *runs(void *unused)
{
    tell();
    while (!go_on)
        ;
    return unused;
}

static void *waits_for_child(void *unused)
{
    tell();
    if (vfork() == 0) {
        char byte;
        syscall(SYS_read, until[0], &byte, 1);
        _exit(0);
    }
    return unused;
}

static bool is_seen_asleep(int turns)
{
    for (int i = 0; i < turns; i++) {
        if (asleep_is(sleeper, sleeper_end))
            return true;
        usleep(1000);
    }
    return false;
}

/* `expected`: the thread is seen asleep sooner or later; otherwise it never is. */
static void check_thread(void *(*run)(void *), void *argument, bool expected)
{
    pthread_t thread;
    sleeper = 0;
    CHECK(pipe(until) == 0);
    CHECK(pthread_create(&thread, NULL, run, argument) == 0);
    while (!sleeper)
        usleep(1000);
    cr_expect_eq(is_seen_asleep(expected ? 10000 : 20), expected);
    go_on = true;
    CHECK(write(until[1], "", 1) == 1);
    pthread_join(thread, NULL);
    cr_expect_not(asleep_is(sleeper, sleeper_end), "it is gone");
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

Test(tend, a_thread_that_waits_in_a_call_is_seen)
{
    check_thread(sleeps, NULL, true);
}

Test(tend, one_that_runs_is_not)
{
    check_thread(runs, NULL, false);
}

Test(tend, nor_one_that_waits_in_a_signal_handler)
{
    check_thread(sleeps_in_handler, NULL, false);
}

Test(tend, on_a_stack_of_its_own_either)
{
    check_thread(sleeps_in_handler, &go_on, false);
}

Test(tend, nor_one_that_lends_its_memory_to_a_child, .disabled = SANITIZED)
{
    check_thread(waits_for_child, NULL, false);
}

/* --- what sleepers hold --- */

enum { SLEEPERS = 40, EACH = MIB(1) };

static pthread_barrier_t all_free;
static sem_t may_end;
static void *handed[SLEEPERS][EACH / 1000];

static size_t size_of_turn(size_t number)
{
    return 16u << number % 10;
}

static void *allocate_free_and_sleep(void *number)
{
    size_t size = size_of_turn((size_t)number), count = EACH / size;
    void **blocks = malloc(count * sizeof *blocks);
    for (size_t i = 0; i < count; i++)
        memset(blocks[i] = heap_malloc(size), 1, size);
    for (size_t i = 0; i < count; i++)
        heap_free(blocks[i]);
    free(blocks);
    pthread_barrier_wait(&all_free);
    sem_wait(&may_end);
    return heap_malloc(size); /* its heap works as before */
}

static void start_sleepers(pthread_t *threads, void *(*run)(void *))
{
    heap_free(heap_malloc(1));
    pthread_barrier_init(&all_free, NULL, SLEEPERS + 1);
    sem_init(&may_end, 0, 0);
    for (size_t i = 0; i < SLEEPERS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
    pthread_barrier_wait(&all_free);
}

static void end_sleepers(pthread_t *threads)
{
    for (size_t i = 0; i < SLEEPERS; i++)
        sem_post(&may_end);
    for (size_t i = 0; i < SLEEPERS; i++) {
        void *block;
        pthread_join(threads[i], &block);
        cr_expect_not_null(block);
        heap_free(block);
    }
}

/* Those that are still on their way to sleep are seen later. */
static void trim_until(size_t touched)
{
    while (PAGE_STAT(touched) > touched) {
        trim_all(0);
        usleep(1000);
    }
}

Test(tend, trimming_reaches_the_caches_of_sleepers, .disabled = SANITIZED)
{
    pthread_t threads[SLEEPERS];
    start_sleepers(threads, allocate_free_and_sleep);
    cr_assert(fence_is_cheap());
    trim_until(0);
    cr_expect_eq(PAGE_STAT(touched), 0);
    end_sleepers(threads);
}

static void *allocate_for_main_and_sleep(void *number)
{
    for (size_t i = 0; i < COUNT(handed[0]); i++)
        memset(handed[(size_t)number][i] = heap_malloc(1000), 1, 1000);
    pthread_barrier_wait(&all_free);
    sem_wait(&may_end);
    return heap_malloc(1000);
}

Test(tend, what_others_free_of_a_sleepers_goes_back, .disabled = SANITIZED)
{
    pthread_t threads[SLEEPERS];
    start_sleepers(threads, allocate_for_main_and_sleep);
    for (size_t i = 0; i < SLEEPERS; i++)
        for (size_t k = 0; k < COUNT(handed[0]); k++)
            heap_free(handed[i][k]);
    trim_until(0);
    cr_expect_eq(PAGE_STAT(touched), 0);
    end_sleepers(threads);
}

/* --- sleepers that wake at any time --- */

enum { WORKERS = 6, KEPT = 200 };
static _Atomic(char *) shared[64]; /* blocks on their way to another thread */
static _Atomic size_t working;

static void check_block(const char *block)
{
    size_t size;
    if (!block)
        return;
    memcpy(&size, block, sizeof size);
    CHECK(pattern_intact(block + sizeof size, size, size, size));
}

static void replace(char **slot, uint64_t *random)
{
    size_t size = 1 + random_below(random, random_below(random, 20) ? 600 : 40000);
    char *block = heap_malloc(sizeof size + size);
    memcpy(block, &size, sizeof size);
    pattern_fill(block + sizeof size, size, size);
    char *old = random_below(random, 4)
                    ? *slot
                    : atomic_exchange(&shared[random_below(random, COUNT(shared))], *slot);
    check_block(old);
    heap_free(old);
    *slot = block;
}

static void work(size_t number)
{
    static char *kept[WORKERS][KEPT];
    uint64_t random = number + 1;
    if (number == 0) {
        while (working > 0)
            trim_all(0);
        return;
    }
    for (int i = 0; i < 60000; i++) {
        char **slot = &kept[number][random_below(&random, KEPT)];
        check_block(*slot);
        replace(slot, &random);
        if (random_below(&random, 100) == 0)
            usleep((useconds_t)random_below(&random, 50));
    }
    for (size_t i = 0; i < KEPT; i++)
        heap_free(kept[number][i]);
    working--;
}

Test(tend, sleepers_may_wake_at_any_time)
{
    working = WORKERS - 1;
    threads_run(WORKERS, work);
    for (size_t i = 0; i < COUNT(shared); i++)
        heap_free(shared[i]);
    trim_all(0);
    verify_own();
    if (!SANITIZED)
        cr_expect_eq(PAGE_STAT(slots_inuse), 0);
}
