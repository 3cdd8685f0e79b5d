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

/* Whatever is free gives up its commitment: what the extent allocator holds, and the chunks that are free
 * throughout. True: ask again. */
bool commitment_make_room(void);
/* A run of slots, or a huge object, goes back whose pages were decommitted: they are committed again when a
 * thread takes them. The last such run is not taken before the next one goes back, or room has to be made. */
void commitment_give_run(uint32_t slot, uint32_t count);
void commitment_give_huge(void *memory, size_t size);
/* Slots of that run. */
size_t commitment_held_slots(void);

#endif
