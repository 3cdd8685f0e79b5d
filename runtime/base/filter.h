/* filter: which system calls the process may still make, after it has locked itself in (seccomp(2)).
 *
 * A filter may kill the process for a call that it does not know. The user who runs a program on the runtime
 * has allowed what the C library's malloc and threads need: mmap, munmap, mprotect, mremap, madvise, brk,
 * futex. Whatever the runtime does with other calls after its start is one of the uses below. Each filter
 * that the program is about to install is run for each call of each use (it is a program for the kernel's
 * packet filter, linux/filter.h). A use of which one call would not be let through is given up: no such call
 * is made from then on.
 *
 * A filter belongs to a thread and to what that thread starts. Here it counts for the whole process. What
 * cannot be seen: filters that were there before the program began, and those of programs that enter the
 * kernel without the C library.
 */
#ifndef WEIR_BASE_FILTER_H
#define WEIR_BASE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

enum filter_use {
    FILTER_TRACE = 1 << 0,    /* threads are stopped by a task that traces them (tracer.h) */
    FILTER_SIGNAL = 1 << 1,   /* threads are stopped by a signal (signal.h) */
    FILTER_PROC = 1 << 2,     /* files of /proc are read (file.h, written.h) */
    FILTER_THREADS = 1 << 3,  /* threads are started */
    FILTER_FENCE = 1 << 4,    /* membarrier (fence.h) */
    FILTER_COPY = 1 << 5,     /* process_vm_readv: memory that may not be there (asleep.h) */
    FILTER_YIELD = 1 << 6,    /* sched_yield */
    FILTER_PAGES = 1 << 7,    /* mincore, for reports of misuse */
    FILTER_WRITE = 1 << 8,    /* lines on stderr */
    FILTER_FILES = 1 << 9,    /* files are written: heap profiles */
    FILTER_GROWING = 1 << 10, /* a file grows: the execution trace */
    FILTER_ALL = (1 << 11) - 1
};

/* May all of the uses be made? Any thread. */
bool filter_permits(uint32_t uses);

/* The uses that a filter would not let through. `program`: a struct sock_fprog of the program's, in any
 * state; NULL: only read, write and exit are allowed (SECCOMP_SET_MODE_STRICT). Takes no lock, allocates
 * nothing, keeps errno. */
struct sock_fprog;
uint32_t filter_forbids(const struct sock_fprog *program);

/* What a filter answers to a call: SECCOMP_RET_ALLOW and its like. */
struct seccomp_data;
uint32_t filter_answer(const struct sock_fprog *program, const struct seccomp_data *call);

/* Give uses up, before the filter is there; the uses that were given up before. */
uint32_t filter_give_up(uint32_t uses);
/* It was not installed: only those are given up that filter_give_up has returned. */
void filter_restore(uint32_t before);

#endif
