/* processors: how many processors the process may use at a time: those in its affinity mask, but no more than
 * its control groups' quota of processor time pays for. Plain system calls; nothing is allocated; errno is
 * kept. One caller at a time. */
#ifndef WEIR_PROCESS_PROCESSORS_H
#define WEIR_PROCESS_PROCESSORS_H

#include <limits.h>

#define PROCESSORS_UNLIMITED UINT_MAX

/* At least 1. */
unsigned processors_available(void);

/* What the lowest quota on the way to the root of the hierarchy pays for, version 2 (cpu.max) or 1
 * (cpu.cfs_quota_us), rounded up; PROCESSORS_UNLIMITED if there is none. `root` as in cgroup.h. */
unsigned processors_of_quota(const char *root);

#endif
