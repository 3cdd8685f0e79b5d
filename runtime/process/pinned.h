/* pinned: does a device write to memory of this process, or may it at any time? The kernel does not report
 * what was written to a page that was pinned before it was watched (dirty.h).
 */
#ifndef WEIR_PROCESS_PINNED_H
#define WEIR_PROCESS_PINNED_H

#include <stdbool.h>

/* Has the kernel pinned memory of this process for long: io_uring's registered buffers, RDMA? Also true if it
 * cannot be found out. Only system calls; keeps errno. */
bool pinned_is_any(void);

#endif
