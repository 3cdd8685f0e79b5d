/* extents_os: what jemalloc stands on. Its own layer over the operating system (pages.o, extent_mmap.o) is
 * not linked; the same functions are defined here, over the region. Two kinds of memory are asked for:
 *
 *   extents    what it hands out: addresses carved from the region, committed as they are used
 *   base       its own metadata, 2 MiB and more at once: claims beside the region (os/claim.h)
 *
 * It takes no options from the environment, reads no files, and counts one processor; what it calls of the
 * kernel is what region and claim call.
 *
 * All of this is under the pages' lock.
 */
#ifndef WEIR_REGION_EXTENTS_OS_H
#define WEIR_REGION_EXTENTS_OS_H

#include <stdbool.h>
#include <stddef.h>

extern struct extents_os {
    bool refused; /* no memory to commit in this call: other addresses would not help, and would be used up */
    bool decommits;    /* what is purged goes back with its commitment, address space and all */
    size_t purged;     /* pages that were touched, ever */
    size_t decommited; /* calls, ever */
    void (*thread_end)(void *thread);
    void (*before_fork)(void), (*after_fork_parent)(void), (*after_fork_child)(void);
} extents_os;

/* jemalloc's record of the calling thread, if that was ever in jemalloc. */
extern __thread void *extents_os_thread __attribute__((tls_model("initial-exec")));

/* Have the base memory that jemalloc's start takes; what it asks for first is then not refused. */
bool extents_os_prepare(void);

#endif
