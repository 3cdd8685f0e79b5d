/* idle: memory that is held from the kernel in no span, and giving it back.
 *
 * The rule, in bytes that may be resident, with unused = what the cells in no use take of the spans:
 *
 *     idle <= max(live * GOGC / 100 - unused, 16 MiB * GOGC / 100)          live = inuse - unused
 *
 * which is to say that what is held beyond live, be it free slots or free cells, is at most GOGC percent of it.
 * It is applied at the free that exceeds it; no more is released than exceeds it.
 *
 * All of this is under the pages' lock. */
#ifndef WEIR_PAGES_IDLE_H
#define WEIR_PAGES_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t idle_bytes(void);
/* In spans and large objects. */
size_t idle_inuse_bytes(void);
/* What may be resident: the touched pages of slots, in use or idle, huge objects, and the runtime's own tables. */
size_t idle_held_bytes(void);

/* < 0: idle memory is kept. */
void idle_set_gc_percent(int64_t percent);
int64_t idle_gc_percent(void);
/* Release until the rule holds, if it does not. */
void idle_apply_rule(void);
/* Release until no more than `bound` bytes are idle, from the upper end of the heap downwards. True if anything was
 * released. */
bool idle_release_to(size_t bound);
/* The kernel may have refused to commit: what the provider holds for reuse gives up its share. True: it had one. */
bool idle_give_up_commitment(void);

#endif
