/* extents_os: the layer between jemalloc and the operating system. jemalloc's own one (pages.o,
 * extent_mmap.o) is not linked; the same functions are defined here, over the region. jemalloc asks for two
 * kinds of memory:
 *
 *   extents    what it hands out: addresses carved from the region, committed as they are used
 *   base       its own metadata, 2 MiB and more at once: claims beside the region (os/claim.h)
 *
 * It takes no options from the environment, reads no files, and counts one processor. Its system calls are
 * those of region and claim, and os_release.
 *
 * All of this is under the pages' lock.
 */
#ifndef WEIR_REGION_EXTENTS_OS_H
#define WEIR_REGION_EXTENTS_OS_H

#include <stdbool.h>
#include <stddef.h>

extern struct extents_os {
    bool refused;      /* this call could not commit: trying other addresses would use them up in vain */
    bool decommits;    /* purging also decommits: nothing stays mapped */
    size_t purged;     /* touched pages that were purged, ever */
    size_t decommited; /* calls that decommitted, ever */
    void (*thread_end)(void *thread);
    void (*before_fork)(void), (*after_fork_parent)(void), (*after_fork_child)(void);
} extents_os;

/* jemalloc's record of the calling thread; NULL: the thread was never in jemalloc. */
extern __thread void *extents_os_thread __attribute__((tls_model("initial-exec")));

/* Map beforehand the base memory that jemalloc asks for first, so that its start cannot fail for want of it.
 * False: the kernel refused. */
bool extents_os_prepare(void);

#endif
