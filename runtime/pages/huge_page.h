/* huge_page: which small spans come by a huge page of 2 MiB.
 *
 * A huge page takes one page fault in place of 512, and one entry of the TLB. But all of it is resident at
 * once. It pays if its other slots are soon used as well. That is decided once, when the first of its slots
 * is taken. The caller knows what it will take (enum span_backing); the heap has to be large:
 *
 *     BACKED_BY_HUGE     24 MiB are in use:  2 MiB are at most a twelfth
 *     BACKED_AS_BEFORE   32 MiB are in use, and of the 2 MiB that were begun last seven eighths are used
 *
 * The second is for programs of many sizes: none of them alone fills a huge page, all together do. A thread
 * that takes one cell of each size does not use what it has begun, so it gets no further huge page.
 *
 * Nothing comes by huge pages where the release rule would give them back at once, nor near a limit.
 * Under the pages' lock. */
#ifndef WEIR_PAGES_HUGE_PAGE_H
#define WEIR_PAGES_HUGE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

/* By which pages a new span may be backed. */
enum span_backing {
    BACKED_BY_SMALL,
    BACKED_AS_BEFORE, /* by a huge page, if the last one is used up */
    BACKED_BY_HUGE,   /* by a huge page: all of the span will be used soon, and so will further ones */
};

/* A slot was taken for a span. True: its huge page counts as touched, and the caller, when it has given up
 * the lock, has the kernel fault it in (os_touch_huge). */
bool huge_page_begin(uint32_t slot, enum span_backing backing);

/* May collected memory get huge pages now? Not near a limit, and only in a large heap. */
bool huge_page_is_allowed(void);

#endif
