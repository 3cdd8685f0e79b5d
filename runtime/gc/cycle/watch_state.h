/* watch_state: what the parts of `watch` share (watch.h).
 *
 *     watch.c        what is watched in a trace, and the questions of what was written
 *     watch_keep.c   what stays watched from one trace to a young one
 */
#ifndef WEIR_GC_CYCLE_WATCH_STATE_H
#define WEIR_GC_CYCLE_WATCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/compiler.h"
#include "runtime/base/range.h"

/* Each range costs a system call at every question, and perhaps a mapping of its own. */
enum { WATCH_RANGES = 2048 };

/* Under the collector's lock. */
HIDDEN extern struct watch {
    range_t *ranges; /* of WATCH_RANGES */
    uint32_t count;
    uint32_t limit;   /* how many ranges there may be: WATCH_RANGES, or fewer in a test */
    uint32_t number;  /* of this arming, not 0; bitmaps_grey[slot].watch has it if the span is watched */
    bool kept;        /* from watch_keep to watch_go_on */
    bool only_marked; /* this trace is young: spans without a marked object are not watched */
} watch;

/* Is the span in that slot watched? */
bool watch_has_span(uint32_t slot);
/* Has the span a marked object? To be asked when no marker is at work: what is marked has been scanned. */
bool watch_has_marks(uint32_t slot);

#endif
