/* collapse: puts collected memory on huge pages, between two traces.
 *
 * Marking and the program are faster there: one entry of the TLB for 2 MiB. But a heap loses huge pages. A
 * trace beside the program write-protects them, and the kernel splits one at its first write. A slot that
 * comes alone, or is used again, is backed by small pages. So the background thread, while it has nothing
 * else to do, has the kernel copy small pages to a huge one (MADV_COLLAPSE, Linux 6.1), 2 MiB at a time:
 *
 *     all its slots hold collected objects      else a release would soon split it
 *     all its pages are present, and small      then no memory becomes resident
 *     no other process maps them                after a fork, a copy would be additional memory
 *
 * A slot may be given back and released while the kernel copies. What was refilled then is released again, if
 * the slot is still free; otherwise it stays resident, uncounted, until that memory is released next. The
 * same holds for pages that are given back inside a span meanwhile (cells/hollow.h).
 *
 * Nothing is done where huge_page.h allows none, nor after some refusals in a row: then the kernel has no
 * huge pages. */
#ifndef WEIR_PAGES_COLLAPSE_H
#define WEIR_PAGES_COLLAPSE_H

#include <stdbool.h>

/* One thread at a time calls these. Begin a pass, where the last one ended. False: nothing is to be done. */
bool collapse_begin(void);
/* Look at the next few times 2 MiB, up to one that is collapsed. False: the pass has ended. A descriptor is
 * open meanwhile: so the caller holds a lock for which a fork waits, and a thread that installs a filter of
 * system calls. */
bool collapse_next(void);

#endif
