/* filter: which system calls the process may still make, after it has installed a seccomp(2) filter.
 *
 * A filter may kill the process for a call that its author did not expect. It is taken to allow what the C
 * library's malloc and threads need: mmap, munmap, mprotect, mremap, madvise, brk, futex. Every other system
 * call that the runtime makes after its start belongs to one of the uses below. When the program is about to
 * install a filter, the runtime interprets it (a filter is a classic BPF program, linux/filter.h) for each
 * call of each use. If the filter does not let one of the calls through, the use is given up: the runtime
 * makes none of its calls from then on.
 *
 * A filter applies to a thread and to what that thread starts; here it counts for the whole process. Two
 * kinds of filters are not seen: those installed before the program began, and those of programs that enter
 * the kernel without the C library.
 */
#ifndef WEIR_BASE_FILTER_H
#define WEIR_BASE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

enum filter_use {
    FILTER_TRACE = 1 << 0,    /* threads are stopped by a task that traces them (tracer.h) */
    FILTER_SIGNAL = 1 << 1,   /* threads are stopped by a signal (signal.h) */
    FILTER_PROC = 1 << 2,     /* files of /proc are read (file.h, written.h, backing.h) */
    FILTER_THREADS = 1 << 3,  /* threads are started */
    FILTER_FENCE = 1 << 4,    /* membarrier (fence.h) */
    FILTER_COPY = 1 << 5,     /* process_vm_readv: memory that may be unmapped (asleep.h) */
    FILTER_YIELD = 1 << 6,    /* sched_yield */
    FILTER_PAGES = 1 << 7,    /* mincore: whether a page is mapped */
    FILTER_WRITE = 1 << 8,    /* lines on stderr */
    FILTER_FILES = 1 << 9,    /* files are written: heap profiles */
    FILTER_GROWING = 1 << 10, /* a file grows: the execution trace */
    FILTER_APPEND = 1 << 11,  /* a report is appended to a file that several processes write */
    FILTER_REPORT = 1 << 12,  /* a report of this process is written to the descriptor that is kept for it */
    FILTER_DIRTY = 1 << 13,   /* the kernel is asked about pages (dirty.h, backing.h) */
    FILTER_ALL = (1 << 14) - 1
};

/* Are all of the uses still permitted? Any thread may ask. */
bool filter_permits(uint32_t uses);

/* The uses that a filter would not let through. `program`: a struct sock_fprog of the program's, which may be
 * invalid; NULL: only read, write and exit are allowed (SECCOMP_SET_MODE_STRICT). Takes no lock, allocates
 * nothing, keeps errno. */
struct sock_fprog;
uint32_t filter_forbids(const struct sock_fprog *program);

/* What a filter answers to a call: SECCOMP_RET_ALLOW and its like. */
struct seccomp_data;
uint32_t filter_answer(const struct sock_fprog *program, const struct seccomp_data *call);

/* Give uses up, before the filter is installed. Returns the uses that had been given up already. */
uint32_t filter_give_up(uint32_t uses);
/* For a filter that was not installed after all: go back to what filter_give_up returned. */
void filter_restore(uint32_t before);

#endif
