/* rescan: makes marked objects that were written after they were scanned grey again.
 *
 * The invariant of a concurrent trace, for each allocated object o and each word w of it:
 *
 *     marked(o)  =>  grey(o)  or  w leads to nothing that is not marked  or  the page of w was written
 *
 * It holds at the beginning of a full trace, when nothing is marked and every page is watched; and of a young
 * one, since it held when the trace before ended: a marked object lies in a span that has been watched since
 * then, or in one that is not watched, which counts as written. Scanning o makes
 * the second term true; a write to w makes the third true. An object that is allocated black lies on a page
 * that was written, or in a span that is not watched yet, which counts as written. A rescan makes the first
 * term true where the third was. In the last stop nothing writes: after a rescan, and when nothing is grey,
 * the second term holds for all words, as it does after marking in one stop.
 */
#ifndef WEIR_GC_CYCLE_RESCAN_H
#define WEIR_GC_CYCLE_RESCAN_H

#include <stdint.h>

/* Make the marked objects in [from, to) grey; of a large object, only the part in that range. No marker is at
 * work. */
void rescan(uintptr_t from, uintptr_t to);

#endif
