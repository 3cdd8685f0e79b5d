/* dirty: which pages of a range have been written since they were last asked about.
 *
 *     begin   every page that the range has is clean from now on; a page that is populated later is reported
 *             as written
 *     ask     reports the pages that were written since, as ranges, and makes each clean in the same atomic
 *             step: a later write is reported by the next question
 *     look    reports them and leaves them dirty: cheaper, for the last question
 *     join    ranges that are watched become one, with what lies between them; that is reported as written
 *     end     nothing is watched any more
 *     close   the same for all ranges; also closes the two descriptors, which dirty_is_supported or the
 *             first begin has opened
 *
 * Uses userfaultfd in its asynchronous write-protect mode, and PAGEMAP_SCAN (Linux 6.7;
 * Documentation/admin-guide/mm: userfaultfd.rst, pagemap.rst): the kernel handles the fault of the first
 * write to a page by itself, clears the protection and lets the thread go on. No signal, no handler and no
 * thread is needed. Where these are missing, nothing is watched: the result is DIRTY_UNSUPPORTED, and the
 * caller has to treat every page as written.
 *
 * Only system calls; nothing allocates. Ranges are whole pages of private memory, anonymous or of a file,
 * and do not overlap. Any thread may call them. ask and look may run at the same time as any call; of
 * begin, join, end and close one may run at a time. A program that closes descriptors it did not open may
 * close these. Then ask and look fail, and dirty_close does not close a file that has got one of their
 * numbers since.
 */
#ifndef WEIR_PROCESS_DIRTY_H
#define WEIR_PROCESS_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DIRTY_FAILED: the kernel supports it, but refused it now (no memory) or for this range. */
enum dirty { DIRTY_OK, DIRTY_UNSUPPORTED, DIRTY_FAILED };

/* Can this kernel do it, and may this process? Asked once, then remembered until dirty_close. */
bool dirty_is_supported(void);

enum dirty dirty_begin(uintptr_t from, uintptr_t to);
/* The same for memory of the program, whose mappings are not split: otherwise mremap of a whole one fails
 * with EFAULT, and pthread_getattr_np finds a first stack that is too small. [from, to) lies in the mappings;
 * dirty_end_whole is called for these. */
enum dirty dirty_begin_within(uintptr_t mappings_from, uintptr_t mappings_to, uintptr_t from, uintptr_t to);
/* Call written(context, low, high) for each run of written pages, in ascending order. A part that was mapped
 * anew since dirty_begin is no longer watched: it is reported each time, with up to 64 KiB around it (of a
 * range over 64 MiB, a 1024th of it). If the result is not DIRTY_OK, the reported pages were written, and
 * nothing is known of the others. */
enum dirty dirty_ask(uintptr_t from, uintptr_t to,
                     void (*written)(void *context, uintptr_t low, uintptr_t high), void *context);
/* The same without protecting the pages again. Pages that cannot be read are left out: peek_each_readable. */
enum dirty dirty_look(uintptr_t from, uintptr_t to,
                      void (*written)(void *context, uintptr_t low, uintptr_t high), void *context);
enum dirty dirty_join(uintptr_t from, uintptr_t to);
/* In pieces, which splits mappings meanwhile; or as a whole. While the kernel is at a piece, or at all of it,
 * no thread can map memory. */
void dirty_end(uintptr_t from, uintptr_t to);
void dirty_end_whole(uintptr_t from, uintptr_t to);
/* Also to be called in the child of a fork, where nothing is watched. The parent's ranges stay watched. */
void dirty_close(void);

#endif
