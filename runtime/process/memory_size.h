/* memory_size: how much memory this process may use: the lowest of its control groups' limits and the
 * machine's memory.
 *
 * The options "90%" and "auto" are shares of it. Allocates nothing, reads with plain system calls, keeps
 * errno.
 */
#ifndef WEIR_PROCESS_MEMORY_SIZE_H
#define WEIR_PROCESS_MEMORY_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_SIZE_UNLIMITED UINT64_MAX

/* Bytes this process may use; MEMORY_SIZE_UNLIMITED if there is no limit. */
uint64_t memory_size_available(void);

/* The lowest memory limit on the way from the process's control group to the root of the hierarchy, version 2
 * and 1; MEMORY_SIZE_UNLIMITED if there is none. `root` stands before /proc and /sys: "" for the real ones.
 */
uint64_t memory_size_of_cgroup(const char *root);

/* All of the machine's memory; MEMORY_SIZE_UNLIMITED if unknown. */
uint64_t memory_size_of_machine(void);

/* `percent` percent of `all`. From 100 MiB on it is a multiple of 1 MiB, so that it prints well. */
int64_t memory_size_share(uint64_t all, int64_t percent);

/* Control groups may be resized while the program runs. Open the files that hold a limit now, so that each
 * later reading is one pread for each file: at most eight, those of the process's own group first. Call it
 * once, before there are other threads; tests call it again for another root. */
void memory_size_watch(const char *root);
/* The present value of memory_size_available. False: none of the files can be read any more. One caller at a
 * time. */
bool memory_size_watched(uint64_t *bytes);

#endif
