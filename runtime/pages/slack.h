/* slack: resident pages past the ends of large objects, in their last slots, left by the former owners of the
 * slots. The object's owner will not write them, so near a limit they go back to the kernel.
 *
 * Each chunk counts its own, and each group of chunks (index.h) notes whether it may have some: only those
 * are searched. What the kernel refuses is not tried again in the same round of attempts (purge.h).
 *
 * All of this is under the pages' lock. */
#ifndef WEIR_PAGES_SLACK_H
#define WEIR_PAGES_SLACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The touched pages of a run after its first `use` pages, which are in use. Small spans have no slack: all of
 * their pages count as in use. */
size_t slack_of(uint32_t slot, uint32_t count, size_t use);
/* The slack of a run has changed from `before` to `now` pages. */
void slack_count(uint32_t slot, size_t before, size_t now);

/* Release the slack of all large objects, as far as the kernel takes it. The lock keeps owners from extending
 * their objects meanwhile. It is given up between two slots if other threads wait for it (purge_turns tells).
 * True: some was released. */
bool slack_release(void);
/* How many chunks were searched for slack, ever: for tests. */
uint64_t slack_searches(void);

#endif
