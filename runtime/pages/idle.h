/* idle: memory that is held from the kernel and in no span: how much there is, and when it is released.
 *
 * A rule says how much memory may be idle (release.h). It is applied at the free that exceeds it, and only
 * the excess is released (purge.h). The rule needs to know what the free cells of spans take. That is counted
 * from the descriptors, one chunk at each application. So only setting the percentage takes time that is
 * linear in the heap; the rest is linear in what is released.
 *
 * All of this is under the pages' lock. */
#ifndef WEIR_PAGES_IDLE_H
#define WEIR_PAGES_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The percentage; < 0: no idle memory is released. */
void idle_set_gc_percent(int64_t percent);
int64_t idle_gc_percent(void);
/* Release until the rule holds, if it does not. The lock is given up on the way: see purge_to. */
void idle_apply_rule(void);
/* Note that memory was taken, of which `fresh` bytes were not resident. */
void idle_note_taken(size_t fresh);
/* Called after memory was taken: if more is held than ever before, release idle memory in exchange. The lock
 * is given up meanwhile. */
void idle_spare_peak(void);
/* Called when a request for memory was refused: the release rule forgets what it has learnt to hold. */
void idle_forget_learnt(void);

#endif
