/* purge: giving idle memory back to the kernel, without the pages' lock while the kernel is at it.
 *
 *     under the lock     take a piece: a run of idle slots within 2 MiB, from the upper end of the heap
 *                        downwards
 *     without it         madvise
 *     under the lock     put the piece back, clean; or as it was, if the kernel refused
 *
 * Slots of a chunk are no thread's meanwhile; others allocate from other slots. Memory of the extent
 * allocator's cannot be withheld from it: a thread that gets some of a piece from there asks for other
 * memory, and only where there is none waits until the piece has been purged. A piece counts as gone from
 * when it was taken. The rule purges one piece at a time; a limit, whose threads need the room, a few.
 *
 * Where the kernel refuses (a sandbox without madvise), trying at each free would cost and change nothing:
 * then so many attempts are let go by. Of memory that is locked in parts what is not goes back, and what is
 * is left out for as many attempts, or until purge_retry. */
#ifndef WEIR_PAGES_PURGE_H
#define WEIR_PAGES_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Purge until no more than `bound` bytes are idle. The lock, which the caller has, is given up on the way:
 * what was found under it before has to be found anew if purge_turns has changed. True: anything was
 * purged. */
bool purge_to(size_t bound);
/* What was refused may be granted now: the caller can wait. */
void purge_retry(void);
/* The round of attempts: what was refused in this one is not tried again. */
uint32_t purge_round(void);
/* How often the lock was given up on the way, ever. */
uint64_t purge_turns(void);
/* A piece is being purged. */
bool purge_is_busy(void);
/* So much is: held no more, and perhaps still resident. */
size_t purge_bytes_in_work(void);
/* The lock was given up in the middle of something else. */
void purge_note_turn(void);
/* Memory from the extent allocator of which nothing is being purged; NULL: there is none. */
void *purge_take_provided(size_t size, size_t alignment);
/* Is any of the memory? */
bool purge_has(const void *memory, size_t size);
/* Wait until nothing of the memory is being purged. The lock is given up meanwhile. */
void purge_await(const void *memory, size_t size);
/* The kernel may have refused to commit: what the extent allocator holds for reuse gives up its share. True:
 * it had one. */
bool purge_give_up_commitment(void);
/* For the execution trace: called by the thread that has given bytes back, after that, without the pages'
 * lock; NULL: there is no trace. */
extern void (*_Atomic purge_watch)(size_t bytes, uint64_t from_ns, uint64_t to_ns);
/* In the child of a fork: no thread purges any more. */
void purge_after_fork_child(void);

#endif
