/* memory_size: how much memory there is for this process: the least of its control groups' limits and the
 * machine.
 *
 * What "90%" and "auto" are a share of. Allocates nothing, reads with plain system calls, keeps errno.
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

/* So many percent of it; whole MiB when there are many, so that the value reads well where it is printed. */
int64_t memory_size_share(uint64_t all, int64_t percent);

/* Control groups are resized while the program runs. Open the files that hold a limit now, so that asking
 * again is one system call for each, pread; those of the group itself and the seven next to it. Once, before
 * any other thread; the second time for another root. */
void memory_size_watch(const char *root);
/* As memory_size_available, as it is now. False: none of the files can be read any more. One caller at a
 * time. */
bool memory_size_watched(uint64_t *bytes);

#endif
