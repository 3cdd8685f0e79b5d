/* slack: touched pages behind the ends of large objects, in the last of their slots; left by the owner of the
 * slots before. The object's owner will not write them, so near a limit they go back to the kernel.
 *
 * Each chunk counts its own, and a group of chunks (index.h) says whether it has some: those are searched,
 * and no others. What the kernel refuses is not tried again in the same round of attempts (purge.h).
 *
 * All of this is under the pages' lock. */
#ifndef WEIR_PAGES_SLACK_H
#define WEIR_PAGES_SLACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The touched pages of a run in use that lie behind the `use` pages in use. Small spans count as touched
 * throughout. */
size_t slack_of(uint32_t slot, uint32_t count, size_t use);
/* They were so many of the run, and are so many now. */
void slack_count(uint32_t slot, size_t before, size_t now);

/* Release those behind the large objects of the heap, all that the kernel takes, while their owners may not
 * touch them: a slot's at a time, between which others have the lock (purge_turns says so). True: some
 * were. */
bool slack_release(void);
/* How many chunks were searched for that, ever: for tests. */
uint64_t slack_searches(void);

#endif
