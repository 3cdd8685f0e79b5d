/* mapped: memory that the program has mapped itself. In collect mode it is a root, and may be as large as the
 * heap: the arenas of an interpreter, the heap of a compiler. So that no stop of a concurrent trace has to
 * look through all of it, it is watched like the heap (process/dirty.h):
 *
 *     watch          choose mappings, and watch them
 *     the first stop leaves them out
 *     scan           hand out what they hold
 *     ask            hand out what was written since
 *     the last stop  takes only what was written since the last question
 *     end            nothing is watched
 *
 * The invariant is that of rescan.h, with a word of a watched part in the place of a marked object's. The
 * program may unmap a part while it is scanned: so the kernel copies it. Of what was unmapped, moved or
 * mapped anew nothing is known, and the last stop looks through all that it then finds there.
 *
 * Watched are private anonymous mappings that may be read and written but not executed (in code, pointers lie
 * at any byte), if at least an eighth was written: the page tables of a large reservation would take more
 * memory than what it holds. A mapping is watched as a whole, less what is the runtime's own: the kernel
 * splits it where the watched part ends, and mremap, which the program may call at any time, refuses what
 * lies in two mappings. A mapping whose access has changed since is not left out.
 *
 * Used by the collector, under its lock.
 */
#ifndef WEIR_GC_ROOTS_MAPPED_H
#define WEIR_GC_ROOTS_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/process/written.h"

/* With the world running. What cannot be watched is scanned in both stops. */
void mapped_watch(void);
void mapped_end(void);

/* Pass copies of the words to `words`. */
typedef void mapped_words(uintptr_t from, uintptr_t to);
void mapped_scan(mapped_words *words);
/* The same for the pages that were written since; how many bytes. */
size_t mapped_ask(mapped_words *words);
/* Bytes that mapped_scan has handed out. */
size_t mapped_bytes(void);

/* What the next stop takes of the watched parts; after mapped_end, everything is taken. */
enum mapped_takes { MAPPED_ALL, MAPPED_NONE, MAPPED_WRITTEN };
void mapped_take(enum mapped_takes takes);
/* Of a part of a mapping, those pages that have been written, less what is not to be taken. `may` as in
 * written.h. False: it cannot be found out. */
bool mapped_each_range(uintptr_t from, uintptr_t to, unsigned may, written_range *visit);

#endif
