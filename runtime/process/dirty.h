/* dirty: which pages of a range have been written since they were last asked about.
 *
 *     begin   every page of the range that there is is clean from now on; one that comes later is reported as
 *             written
 *     ask     the pages that were written since, as ranges; each is clean again at the moment it is reported,
 *             in one step: a write that comes later is reported by the next question
 *     look    the same, but what is reported stays reported: cheaper, for the last question
 *     end     nothing is watched any more
 *     close   the same for all ranges, and the two descriptors are closed, which are had from the first
 *             question on
 *
 * By userfaultfd in its asynchronous write-protect mode, and PAGEMAP_SCAN (Linux 6.7;
 * Documentation/admin-guide/mm: userfaultfd.rst, pagemap.rst): the kernel takes the fault of the first write
 * to a page by itself, clears the protection and goes on. No signal, no handler, no thread. Where that is
 * missing nothing is watched: DIRTY_UNSUPPORTED, and the caller has to take every page for written.
 *
 * Only system calls; nothing allocates. Ranges are whole pages of private anonymous memory and do not
 * overlap. May be used from any thread, all but ask and look by one at a time. A program that closes
 * descriptors it did not open may close
 * these: then questions fail, and nothing that took their numbers is closed.
 */
#ifndef WEIR_PROCESS_DIRTY_H
#define WEIR_PROCESS_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DIRTY_FAILED: the kernel could, but not now (no memory), or not for this range. */
enum dirty { DIRTY_OK, DIRTY_UNSUPPORTED, DIRTY_FAILED };

/* Can this kernel do it, and may this process? Asked once, then remembered until dirty_close. */
bool dirty_is_supported(void);

enum dirty dirty_begin(uintptr_t from, uintptr_t to);
/* Call written(context, low, high) for each run of written pages, in ascending order. Anything but DIRTY_OK:
 * what was reported was written, and of the rest nothing is known. */
enum dirty dirty_ask(uintptr_t from, uintptr_t to,
                     void (*written)(void *context, uintptr_t low, uintptr_t high), void *context);
enum dirty dirty_look(uintptr_t from, uintptr_t to,
                      void (*written)(void *context, uintptr_t low, uintptr_t high), void *context);
void dirty_end(uintptr_t from, uintptr_t to);
/* Also in the child of a fork: nothing is watched there, and the parent's ranges are left alone. */
void dirty_close(void);

#endif
