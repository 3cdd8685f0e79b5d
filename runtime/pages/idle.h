/* idle: memory that is held from the kernel in no span, and how much of it.
 *
 * How much may be held is the rule's (release.h). It is applied at the free that exceeds it; no more is
 * released than exceeds it (purge.h). What the free cells of spans take, which the rule wants to know, is
 * counted in their descriptors, a few at each application: nothing here is linear in the heap but what is
 * released, and setting the percentage.
 *
 * All of this is under the pages' lock. */
#ifndef WEIR_PAGES_IDLE_H
#define WEIR_PAGES_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* < 0: idle memory is kept. */
void idle_set_gc_percent(int64_t percent);
int64_t idle_gc_percent(void);
/* Release until the rule holds, if it does not. The lock is given up on the way: see purge_to. */
void idle_apply_rule(void);
/* Memory was taken, `fresh` bytes of it not resident. */
void idle_note_taken(size_t fresh);
/* Memory was taken: when more is held than ever, release idle memory in exchange. The lock is given up on the
 * way. */
void idle_spare_peak(void);
/* The release rule holds back nothing of what it has learnt to hold: a request for memory was refused. */
void idle_forget_learnt(void);

#endif
