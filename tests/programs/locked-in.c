/* locked-in HOW MODE: a program that locks itself in late, with threads, and is killed for any call that a C
 * library's malloc and its threads do not need. Then it allocates, frees what others allocated, grows and
 * shrinks, trims, and starts threads.
 *
 *     HOW     prctl      by prctl(PR_SET_SECCOMP)
 *             seccomp    by syscall(SYS_seccomp)
 *             all        likewise, for all threads at once (SECCOMP_FILTER_FLAG_TSYNC)
 *             trap       like prctl, but with SIGSYS in place of the end
 *             errno      like prctl, but with errors in place of the end
 *             open       like prctl, but only membarrier is forbidden: all others go on
 *             N          likewise, and only the system call with the number N is forbidden
 *     MODE    alone      without other threads
 *             threads    threads that sleep, with blocks in their caches, and threads that come later
 *             busy       threads that allocate all the time
 *             signal     in a signal handler that interrupts an allocation
 *             brief      a thread sleeps; then there is garbage for some collections, and the program ends by exit
 *             resumed    right after a collection; the threads that it stopped, which sleep, get no processor
 *                        for a while: another process has it */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "check.h"

enum { SKIPPED = 77, THREADS = 4, BLOCKS = 20000 };

#define ALLOWED(number)                                                                                      \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static const char *how;

static int is_how(const char *name)
{
    return strcmp(how, name) == 0;
}

static long install(const struct sock_fprog *program)
{
    if (is_how("seccomp"))
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
    if (is_how("all"))
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
}

static void lock_in(void)
{
    unsigned otherwise = is_how("trap")    ? SECCOMP_RET_TRAP
                         : is_how("errno") ? SECCOMP_RET_ERRNO | EPERM
                                           : SECCOMP_RET_KILL_PROCESS;
    struct sock_filter few[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        /* memory */
        ALLOWED(SYS_mmap),
        ALLOWED(SYS_munmap),
        ALLOWED(SYS_mprotect),
        ALLOWED(SYS_mremap),
        ALLOWED(SYS_madvise),
        ALLOWED(SYS_brk),
        ALLOWED(SYS_futex),
        /* the C library's threads */
        ALLOWED(SYS_clone3),
        ALLOWED(SYS_clone),
        ALLOWED(SYS_set_robust_list),
        ALLOWED(SYS_rseq),
        ALLOWED(SYS_rt_sigprocmask),
        ALLOWED(SYS_exit),
        /* and the program's */
        ALLOWED(SYS_rt_sigreturn),
        ALLOWED(SYS_clock_nanosleep),
        ALLOWED(SYS_write),
        ALLOWED(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, otherwise),
    };
    struct sock_filter open[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, is_how("open") ? SYS_membarrier : (unsigned)atoi(how), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof few / sizeof few[0], few};
    if (is_how("open") || (*how >= '0' && *how <= '9'))
        program = (struct sock_fprog){sizeof open / sizeof open[0], open};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || install(&program) != 0)
        _exit(SKIPPED);
}

/* --- work --- */

static const size_t sizes[] = {1, 24, 100, 1000, 5000, 40000, 300000, 3000000, 9000000};

static void all_calls(void)
{
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *p = malloc(sizes[i]), *zeroed = calloc(1, sizes[i]), *aligned = memalign(8192, sizes[i]);
        CHECK(p && zeroed && aligned);
        fill(p, sizes[i]);
        CHECK(is_zero(zeroed, sizes[i]) && is_filled(p, sizes[i]));
        char *grown = realloc(p, 2 * sizes[i] + 100);
        CHECK(grown);
        grown = realloc(grown, sizes[i] / 2 + 1);
        CHECK(grown);
        free(grown);
        free(zeroed);
        free(aligned);
    }
    malloc_trim(0);
}

typedef struct list {
    void *blocks[BLOCKS];
} list_t;

static void take(list_t *list)
{
    for (int i = 0; i < BLOCKS; i++) {
        list->blocks[i] = malloc((size_t)(i % 50) * 40 + 1);
        CHECK(list->blocks[i]);
        *(char *)list->blocks[i] = 1;
    }
}

static void give(list_t *list)
{
    for (int i = 0; i < BLOCKS; i++)
        free(list->blocks[i]);
}

static list_t lists[THREADS];
static atomic_int ready, locked;
static atomic_bool busy;

static void sleep_until_locked(void)
{
    while (!locked)
        sleep_ms(1);
}

static void *worker(void *argument)
{
    list_t *list = argument;
    take(list);
    ready++;
    while (busy && !locked) {
        give(list);
        take(list);
    }
    sleep_until_locked();
    if (is_how("all") || busy)
        all_calls(); /* else this thread has no filter, and shows nothing */
    return NULL;
}

static void *late(void *argument)
{
    all_calls();
    take(argument);
    return argument;
}

/* --- right after a collection --- */

static void *sleeper(void *argument)
{
    (void)argument;
    CHECK(setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19) == 0);
    ready++;
    while (!locked)
        sleep_ms(200);
    return NULL;
}

/* Keeps the processor busy until its parent ends. */
static void start_hog(void)
{
    pid_t hog = fork();
    CHECK(hog >= 0);
    if (hog > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (time_t end = time(NULL) + HANG; time(NULL) < end && getppid() != 1;)
        ;
    _exit(0);
}

static void resumed(void)
{
    pthread_t sleepers[THREADS];
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    start_hog();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&sleepers[i], NULL, sleeper, NULL) == 0);
    while (ready < THREADS)
        sleep_ms(1);
    sleep_ms(10);
    for (int i = 0; i < 200; i++) /* garbage, for which there are collections */
        fill(hide(malloc(1 << 20)), 1 << 20);
    lock_in();
    locked = 1;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(sleepers[i], NULL) == 0);
}

static void brief(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, worker, &lists[0]) == 0);
    while (ready < 1)
        sleep_ms(1);
    lock_in();
    give(&lists[0]);
    for (int i = 0; i < 40; i++)
        fill(hide(malloc(1 << 20)), 1 << 20);
    malloc_trim(0);
    locked = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    exit(0);
}

static void threads(void)
{
    pthread_t before[THREADS], after[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&before[i], NULL, worker, &lists[i]) == 0);
    while (ready < THREADS)
        sleep_ms(1);
    lock_in();
    if (!busy)
        for (int i = 0; i < THREADS; i++)
            give(&lists[i]); /* blocks of threads that sleep: a trim would tend their heaps */
    all_calls();
    locked = 1;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(before[i], NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&after[i], NULL, late, &lists[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(after[i], NULL) == 0);
        give(&lists[i]);
    }
}

/* --- in a signal handler --- */

static void on_alarm(int signal)
{
    (void)signal;
    if (!locked)
        lock_in();
    locked = 1;
}

static void in_handler(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval soon = {{0, 0}, {0, 3000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    while (!locked) {
        take(&lists[0]);
        give(&lists[0]);
    }
    late(&lists[0]);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    how = argv[1];
    busy = strcmp(argv[2], "busy") == 0;
    free(hide(malloc(1))); /* a C library's first malloc may ask for random numbers */
    if (strcmp(argv[2], "signal") == 0) {
        in_handler();
    } else if (strcmp(argv[2], "alone") == 0) {
        lock_in();
        late(&lists[0]);
        give(&lists[0]);
    } else if (strcmp(argv[2], "brief") == 0) {
        brief();
    } else if (strcmp(argv[2], "resumed") == 0) {
        resumed();
    } else {
        threads();
    }
    late(&lists[0]);
    _exit(0);
}
