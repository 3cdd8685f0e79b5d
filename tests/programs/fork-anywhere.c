/* fork in a signal handler, at instruction after instruction of what it interrupts: malloc, free, realloc and
 * the others, small, large and huge; and fork itself. The processor's trap flag raises SIGTRAP after each
 * instruction, so no place is left to chance. In a process of one thread such a fork is an exact copy
 * (glibc's own promise): the child may exit, or return from the handler, finish what was interrupted, and go
 * on to use the heap. With a second thread it may exit.
 *
 *     fork-anywhere STRIDE          one thread; every STRIDEth instruction, and fewer of a call that has many
 *     fork-anywhere STRIDE thread   with a second one, which sleeps; all but fork
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

enum { TRAP_FLAG = 0x100, KEPT = 64, STEPS_MAX = 8000 /* of a call */ };

static struct {
    pid_t parent;
    long stride, forks;
    long steps, next; /* of this call: done; the next that forks */
    bool may_return;
} run;

static void *kept[KEPT];

static void await(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

static void on_step(int number, siginfo_t *info, void *context)
{
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
    (void)number, (void)info;
    if (getpid() != run.parent) { /* the child of a fork that was gone through step by step */
        *flags &= ~(greg_t)TRAP_FLAG;
        return;
    }
    if (run.steps == STEPS_MAX)
        *flags &= ~(greg_t)TRAP_FLAG;
    if (run.steps++ < run.next)
        return;
    run.next = run.steps + run.stride + run.steps / 16;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(HANG);
        if (!run.may_return || run.forks % 2)
            _exit(0);
        *flags &= ~(greg_t)TRAP_FLAG;
        return;
    }
    run.forks++;
    await(child);
}

__attribute__((noinline)) static void steps_begin(void)
{
    run.steps = 0;
    run.next = run.forks % run.stride; /* not always the same instructions */
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
}

__attribute__((noinline)) static void steps_end(void)
{
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
}

static void end_if_child(void);
#define STEP_THROUGH(call) (steps_begin(), (call), steps_end(), end_if_child())

/* A child that has come out of what was interrupted: the heap has to work. */
static void end_if_child(void)
{
    if (getpid() == run.parent)
        return;
    for (size_t size = 1; size < 6000000; size += size / 2 + 7) {
        char *p = malloc(size);
        CHECK(p != NULL);
        p[0] = p[size - 1] = 1;
        free(p);
    }
    for (int i = 0; i < KEPT; i++)
        free(kept[i]);
    _exit(0);
}

/* Each is done twice: once with the class or the extent allocator untouched, and once with it warm. */
static void step_through_heap(void)
{
    static const size_t sizes[] = {0, 24, 500, 5000, 40000, 3000000, 9000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int warm = 0; warm < 2; warm++) {
            void *p, *q = NULL, **r = &kept[2 * i + (size_t)warm];
            STEP_THROUGH(p = malloc(sizes[i]));
            STEP_THROUGH(*r = aligned_alloc(256, sizes[i] + 3));
            if (sizes[i] <= 500) { /* the processor stops after each word that it copies or clears */
                STEP_THROUGH(p = realloc(p, sizes[i] * 2 + 1));
                STEP_THROUGH(q = calloc(1, sizes[i] + 1));
            }
            STEP_THROUGH(free(q));
            STEP_THROUGH(free(p));
        }
    STEP_THROUGH(malloc_trim(0));
}

static void step_through_fork(void)
{
    steps_begin();
    pid_t child = fork();
    steps_end();
    if (getpid() != run.parent)
        _exit(0); /* the child of the fork, or of one in the handler in the midst of it */
    CHECK(child > 0);
    await(child);
}

static void *sleep_on(void *unused)
{
    for (;;)
        pause();
    return unused;
}

int main(int count, char **arguments)
{
    bool threaded = count > 2;
    run.stride = atol(arguments[1]);
    run.parent = getpid();
    run.may_return = !threaded;
    pthread_t thread;
    if (threaded)
        CHECK(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
    CHECK(sigaction(SIGTRAP, &(struct sigaction){.sa_sigaction = on_step, .sa_flags = SA_SIGINFO}, NULL) ==
          0);
    step_through_heap();
    if (!threaded)
        step_through_fork();
    CHECK(run.forks > 0);
    return 0;
}
