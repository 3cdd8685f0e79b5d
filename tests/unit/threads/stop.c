/* stop: threads that block the signal which stops them; libraries that come and go while the world is
 * stopped. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <weir/event.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/stop/signal.h"
#include "runtime/stop/tracer.h"
#include "runtime/threads/halt.h"
#include "runtime/threads/world.h"
#include "tests/unit/support.h"

static atomic_bool blocked, stop;
static atomic_int events[16];

static void count(void *context, const weir_event *event)
{
    (void)context;
    events[event->kind]++;
}

static const uint64_t stop_signals = OS_SIGNAL(SIGURG) | OS_SIGNAL(SIGWINCH);

static void *block_all(void *argument)
{
    sigset_t all, old;
    prctl(PR_SET_NAME, "deaf");
    weir_gc_attach_thread();
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    cr_expect_eq(os_thread_blocked_signals(os_thread_id()) & stop_signals, stop_signals);
    blocked = true;
    while (!stop)
        os_yield();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    cr_expect_eq(os_thread_blocked_signals(os_thread_id()) & stop_signals, 0);
    return argument;
}

static FILE *said_to; /* in place of stderr */

static void redirect_stderr(void)
{
    said_to = tmpfile();
    CHECK(said_to && dup2(fileno(said_to), STDERR_FILENO) == STDERR_FILENO);
}

static char *read_said(void)
{
    static char said[1024];
    rewind(said_to);
    size_t length = fread(said, 1, sizeof said - 1, said_to);
    said[length] = '\0';
    return said;
}

/* ThreadSanitizer takes all signals first, whatever a thread blocks. */
Test(stop, a_thread_that_blocks_the_signal_does_not_hang_the_program, .disabled = WATCHED)
{
    pthread_t thread;
    options.stop = OPTIONS_STOP_SIGNAL;
    void *volatile kept = weir_gc_alloc(100);
    weir_gc();
    uint64_t cycles = gc_read_stats().cycles;
    weir_event_listen(WEIR_EVENT_ALL, count, NULL);
    redirect_stderr();
    pthread_create(&thread, NULL, block_all, NULL);
    while (!blocked)
        os_yield();
    uint64_t start = os_now_ns();
    weir_gc();
    uint64_t waited = os_now_ns() - start;
    cr_expect_eq(gc_read_stats().cycles, cycles, "it was given up");
    cr_expect(waited > 1900000000u, "%lu", waited);
    cr_expect_eq(events[WEIR_EVENT_STOP_BEGIN], 1);
    cr_expect_eq(events[WEIR_EVENT_STOPPED] + events[WEIR_EVENT_COLLECTED], 0);
    start = os_now_ns();
    for (int i = 0; i < 2000; i++) /* twice the goal: no allocation collects again at once */
        cr_assert_not_null(weir_gc_alloc(5000));
    uint64_t retries = (os_now_ns() - start) / 10000000000u; /* one each ten seconds */
    cr_expect_leq(events[WEIR_EVENT_STOP_BEGIN], 1 + retries);
    stop = true;
    pthread_join(thread, NULL);
    weir_gc();
    cr_expect_eq(gc_read_stats().cycles, cycles + 1);
    fflush(stderr);
    const char *said = read_said();
    cr_expect(strstr(said, "weir: no collection: for 2.") &&
                  strstr(said, " \"deaf\" has blocked SIGURG and SIGWINCH"),
              "%s", said);
    (void)*(volatile char *)kept;
}

/* A tracer stops a thread whatever signals it blocks. */
Test(stop, a_thread_that_blocks_all_signals_is_held_by_a_tracer, .disabled = WATCHED)
{
    pthread_t thread;
    void *volatile kept = weir_gc_alloc(100);
    pthread_create(&thread, NULL, block_all, NULL);
    while (!blocked)
        os_yield();
    uint64_t cycles = gc_read_stats().cycles;
    for (int i = 0; i < 100; i++)
        weir_gc();
    cr_expect_eq(gc_read_stats().cycles, cycles + 100);
    stop = true;
    pthread_join(thread, NULL);
    (void)*(volatile char *)kept;
}

/* --- a tracer that is not to be had --- */

static void collect_with_another_thread(uint64_t expected)
{
    pthread_t thread;
    weir_gc_alloc(100);
    pthread_create(&thread, NULL, block_all, NULL);
    while (!blocked)
        os_yield();
    uint64_t cycles = gc_read_stats().cycles;
    weir_gc();
    cr_expect_eq(gc_read_stats().cycles, cycles + expected);
    stop = true;
    pthread_join(thread, NULL);
}

/* ptrace is forbidden, as in containers on old kernels. */
Test(stop, without_a_tracer_and_when_no_other_means_is_allowed_it_is_given_up, .disabled = WATCHED)
{
    options.stop = OPTIONS_STOP_PTRACE;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    collect_with_another_thread(0);
}

static int find_task(void)
{
    int task = 1;
    while (!tracer_is_task(task))
        task++;
    return task;
}

/* The tracer is killed while it holds the threads: the marks of that trace are not trusted, and nothing is
 * freed. */
static void kill_tracer(void *context, const weir_event *event)
{
    (void)context, (void)event;
    CHECK(kill(find_task(), SIGKILL) == 0);
    while (tracer_holds())
        os_yield();
}

static void *touch(void *argument)
{
    weir_gc_attach_thread();
    blocked = true;
    while (!stop)
        usleep(1000);
    return argument;
}

__attribute__((noinline)) static void make_hidden(uintptr_t *hidden)
{
    *hidden = ~(uintptr_t)weir_gc_alloc(100);
}

Test(stop, when_the_tracer_is_killed_everything_is_kept, .disabled = WATCHED)
{
    pthread_t thread;
    uintptr_t hidden;
    options.stop = OPTIONS_STOP_PTRACE;
    make_hidden(&hidden);
    pthread_create(&thread, NULL, touch, NULL);
    while (!blocked)
        os_yield();
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STOPPED), kill_tracer, NULL);
    weir_gc();
    weir_event_unlisten(kill_tracer, NULL);
    cr_expect_not_null(weir_gc_base((void *)~hidden));
    weir_gc();
    stop = true;
    pthread_join(thread, NULL);
}

/* The bit of SIGCHLD among the signals that the task blocks. */
static void read_mask(void *has_child_signal, const weir_event *event)
{
    char line[256], path[64];
    unsigned long mask = 0;
    (void)event;
    snprintf(path, sizeof path, "/proc/%d/status", find_task());
    FILE *status = fopen(path, "r");
    CHECK(status);
    while (fgets(line, sizeof line, status) && sscanf(line, "SigBlk: %lx", &mask) != 1)
        continue;
    fclose(status);
    *(bool *)has_child_signal = mask >> (SIGCHLD - 1) & 1;
}

/* A thread that runs does not stand still at once. The signal that tells of it wakes the task, unless the
 * kernel drops it: then each stop lasted until the task looked again, 2 ms later. */
Test(stop, the_task_hears_at_once_of_a_thread_that_stops, .disabled = WATCHED)
{
    pthread_t thread;
    bool hears = false;
    options.stop = OPTIONS_STOP_PTRACE;
    CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
    void *volatile kept = weir_gc_alloc(100);
    pthread_create(&thread, NULL, touch, NULL);
    while (!blocked)
        os_yield();
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STOPPED), read_mask, &hears);
    weir_gc();
    weir_event_unlisten(read_mask, &hears);
    cr_expect(hears, "SIGCHLD is blocked");
    stop = true;
    pthread_join(thread, NULL);
    (void)*(volatile char *)kept;
}

/* --- who stands still --- */

static atomic_int handled, handled_before_start;

static void on_signal(int number)
{
    (void)number;
    handled++;
}

static void *stand_at_the_end_of_a_section(void *argument)
{
    weir_gc_attach_thread();
    world_enter();
    blocked = true;
    while (!atomic_load(&world_stopping))
        os_yield();
    world_leave();
    while (!stop)
        usleep(1000);
    return argument;
}

/* Wait long enough for the handler to run, if it could. */
static void send_signal(void *thread, const weir_event *event)
{
    (void)event;
    if (handled == 0)
        CHECK(pthread_kill(*(pthread_t *)thread, SIGUSR1) == 0);
    usleep(100000);
    handled_before_start = handled;
}

/* A handler in a stopped thread could move pointers unseen by the collector. */
Test(stop, no_handler_runs_in_a_thread_that_stands_still, .disabled = WATCHED)
{
    pthread_t thread;
    weir_gc_alloc(64);
    signal(SIGUSR1, on_signal);
    pthread_create(&thread, NULL, stand_at_the_end_of_a_section, NULL);
    while (!blocked)
        os_yield();
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STOPPED), send_signal, &thread);
    weir_gc();
    weir_event_unlisten(send_signal, &thread);
    cr_expect_eq(handled_before_start, 0);
    while (handled == 0)
        os_yield();
    stop = true;
    pthread_join(thread, NULL);
}

/* --- who has ended --- */

static void *say_number(void *number)
{
    *(_Atomic int *)number = os_thread_id();
    return NULL;
}

/* For a moment the kernel refuses to trace a thread that has ended, then it has forgotten the thread. Neither
 * is a reason to stop threads by the signal. */
Test(stop, a_thread_that_the_kernel_has_forgotten_has_ended)
{
    _Atomic int number = 0;
    pthread_t thread;
    pthread_create(&thread, NULL, say_number, (void *)&number);
    pthread_join(thread, NULL);
    while (!os_thread_has_ended(number)) /* it is joined a moment before */
        os_yield();
    cr_expect_not(os_thread_has_ended(os_thread_id()));
}

enum { MANY = 40 };

Test(stop, room_is_made_for_threads_that_have_come_since)
{
    pthread_t threads[MANY];
    weir_gc_alloc(64);
    weir_gc();
    for (int i = 0; i < MANY; i++) {
        blocked = false;
        pthread_create(&threads[i], NULL, touch, NULL);
        while (!blocked)
            os_yield();
    }
    cr_expect_not(halt_has_room());
    cr_expect(halt_make_room() && halt_has_room());
    stop = true;
    for (int i = 0; i < MANY; i++)
        pthread_join(threads[i], NULL);
}

/* --- a number that is used again --- */

/* Get a heap by allocating, and tell which one. */
static void *come_to_a_heap(void *heap)
{
    CHECK(weir_gc_alloc(64));
    *(heap_t **)heap = cache.heap;
    return NULL;
}

static _Atomic int stranger;

/* Without a heap: weir knows nothing of the thread. */
static void *stay_unknown(void *argument)
{
    stranger = os_thread_id();
    while (!stop)
        usleep(1000);
    return argument;
}

/* A thread that ended without leaving its heap (it had destructors to come) is on the list until the next
 * stop. The kernel may have given its number to another one by then. */
Test(stop, the_number_of_a_thread_that_is_gone_is_a_stranger_s)
{
    pthread_t first, second;
    heap_t *heap = NULL;
    weir_gc_attach_thread(); /* so that this thread does not take over the first one's heap */
    pthread_create(&first, NULL, come_to_a_heap, &heap);
    pthread_join(first, NULL);
    pthread_create(&second, NULL, stay_unknown, NULL);
    while (!stranger)
        os_yield();
    cr_assert_eq(heap->status, HEAP_ORPHAN);
    heap->thread.id = stranger;
    heap->status = HEAP_LIVE;
    weir_gc_alloc(64);
    uint64_t cycles = gc_read_stats().cycles;
    weir_gc();
    cr_expect_eq(gc_read_stats().cycles, cycles + 1);
    cr_expect_eq(heap->thread.id, HEAP_NO_THREAD);
    stop = true;
    pthread_join(second, NULL);
}

/* --- dlopen, all the time --- */

static void *load_and_unload(void *argument)
{
    while (!stop) {
        void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
        void *other = dlopen("libresolv.so.2", RTLD_NOW | RTLD_LOCAL),
             *third = dlopen("libutil.so.1", RTLD_NOW);
        CHECK(library && other && weir_gc_alloc(64));
        if (third)
            dlclose(third);
        if (other)
            dlclose(other);
    }
    return argument;
}

#ifdef __GLIBC__
enum { LIBRARIES_GO = true };
#else
enum { LIBRARIES_GO = false }; /* dlclose does nothing under musl */
#endif

/* Not under ThreadSanitizer: a thread that waits for the dynamic linker's lock does not get its signals from
 * it. */
Test(stop, collections_while_libraries_come_and_go, .disabled = WATCHED || !LIBRARIES_GO)
{
    pthread_t threads[2];
    cr_assert_not_null(weir_gc_alloc(64));
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, load_and_unload, NULL);
    for (int i = 0; i < 300; i++)
        weir_gc();
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    cr_expect_geq(gc_read_stats().cycles, 300);
}

static void *spin_until_cancelled(void *argument)
{
    weir_gc_attach_thread();
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    blocked = true;
    while (!stop)
        ;
    return argument;
}

static void cancel_in_a_stop(void)
{
    pthread_t thread;
    blocked = false;
    CHECK(pthread_create(&thread, NULL, spin_until_cancelled, NULL) == 0);
    while (!blocked)
        os_yield();
    cr_assert(world_stop());
    CHECK(pthread_cancel(thread) == 0);
    world_start();
    CHECK(pthread_join(thread, NULL) == 0);
}

/* The next thread with that heap may be the one that collects. Its registers are not noted then, so registers
 * that were left there would be read. AddressSanitizer's marks on a stack stay when a thread is cancelled in
 * the middle of a function. */
Test(stop, a_thread_that_is_cancelled_in_a_stop_leaves_no_registers_behind, .disabled = SANITIZED)
{
    options.stop = OPTIONS_STOP_SIGNAL;
    void *volatile kept = weir_gc_alloc(100);
    weir_gc();
    cancel_in_a_stop(); /* the first call loads a library */
    cancel_in_a_stop();
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        cr_expect_eq(heap->thread.registers_from, heap->thread.registers_to);
    (void)kept;
}
