/* In collect mode: a task that no collector knows maps memory, writes to it and unmaps it again. Ending threads
 * do the same, when the C library unmaps cached stacks because there are too many. No collection may read a
 * page that is gone. The task has no thread-local memory of its own, so it calls the kernel and nothing else.
 *   vanishes [bare]     bare: without a guard page below each mapping */
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096, STACKS = 16, PAGES = 64, ROUNDS = 400 };
static atomic_bool over;
static atomic_int round_number;
static char *stacks[STACKS];
static bool is_bare;

static char *make_stack(void)
{
    char *low = (char *)syscall(SYS_mmap, NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!is_bare)
        syscall(SYS_mprotect, low, PAGE, PROT_NONE);
    for (int page = 1; page <= PAGES; page++)
        low[page * PAGE] = 1;
    return low;
}

static int map_and_unmap(void *unused)
{
    (void)unused;
    for (; !over; round_number++)
        for (int i = 0; i < STACKS; i++) {
            if (stacks[i])
                syscall(SYS_munmap, stacks[i], (PAGES + 1) * PAGE);
            stacks[i] = make_stack();
        }
    syscall(SYS_exit, 0);
    return 0;
}

/* Drops as much as makes some collections. */
static void make_garbage(void)
{
    for (int i = 0; i < 20000; i++)
        memset(hide(malloc(1000)), 0xee, 1000);
}

int main(int argc, char **argv)
{
    enum { FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM };
    static char stack[64 * 1024] __attribute__((aligned(16)));
    is_bare = argc > 1 && strcmp(argv[1], "bare") == 0;
    CHECK(clone(map_and_unmap, stack + sizeof stack, FLAGS, NULL) > 0);
    while (round_number < ROUNDS)
        make_garbage();
    over = true;
    return 0;
}
