/* memory_size: how much memory there is for this process: the least of its control groups' limits and the
 * machine.
 *
 * What "90%" and "auto" are a share of. Allocates nothing, reads with plain system calls, keeps errno.
 */
#ifndef WEIR_OS_MEMORY_SIZE_H
#define WEIR_OS_MEMORY_SIZE_H

#include <stdint.h>

#define MEMORY_SIZE_UNLIMITED UINT64_MAX

/* Bytes this process may use; MEMORY_SIZE_UNLIMITED if nobody says. */
uint64_t memory_size_available(void);

/* The lowest memory limit on the way from the process's control group to the root of the hierarchy, version 2
 * and 1; MEMORY_SIZE_UNLIMITED if there is none. `root` stands before /proc and /sys: "" for the real ones.
 */
uint64_t memory_size_of_cgroup(const char *root);

/* All of the machine's memory; MEMORY_SIZE_UNLIMITED if unknown. */
uint64_t memory_size_of_machine(void);

#endif
