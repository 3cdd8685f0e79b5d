/* rescan: what was marked, and has been written since it was scanned, is to be scanned again.
 *
 * The invariant of marking beside the program, for each object o that is allocated and each word w of it:
 *
 *     marked(o)  =>  grey(o)  or  w leads to nothing that is not marked  or  the page of w was written
 *
 * It holds from the beginning of a trace, when nothing is marked and every page is watched: to scan an object
 * makes the second hold, a write the third; an object that is born black lies on a page that was written, or
 * in a span that is not watched yet, all of which counts as written. A rescan turns the third into the first.
 * In the last stop nothing writes: after a rescan, and when nothing is grey, the second holds for all, which
 * is what marking in a stop comes to.
 */
#ifndef WEIR_GC_CYCLE_RESCAN_H
#define WEIR_GC_CYCLE_RESCAN_H

#include <stdint.h>

/* Marked objects in collected memory from `from` to `to` become grey, but for parts of large ones elsewhere;
 * no marker is at work. */
void rescan(uintptr_t from, uintptr_t to);

#endif
