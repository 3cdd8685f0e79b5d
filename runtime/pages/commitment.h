/* commitment: memory that is committed, and the kernel's bounds on it (RLIMIT_DATA, RLIMIT_AS, strict
 * overcommit).
 *
 * When the kernel refuses to commit more, free memory is decommitted; then the request is tried again.
 * Blocks whose pages were decommitted while they were in use are given back here too.
 *
 * All of this is under the pages' lock. Functions that wait for a purge give the lock up meanwhile: see
 * purge_await. */
#ifndef WEIR_PAGES_COMMITMENT_H
#define WEIR_PAGES_COMMITMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decommit all free memory: what the extent allocator holds for reuse, and the chunks whose slots are all
 * free. True: the request that was refused may succeed now. */
bool commitment_make_room(void);
/* Give back a run of slots, or a huge object, whose pages were decommitted: they are committed again when a
 * thread takes them. The last such run is withheld until the next one is given back, or until
 * commitment_make_room needs it. */
void commitment_give_run(uint32_t slot, uint32_t count);
void commitment_give_huge(void *memory, size_t size);
/* How many slots the withheld run has. */
size_t commitment_held_slots(void);

#endif
