/* purge: giving idle memory back to the kernel; while the kernel works, the pages' lock is not held.
 *
 *     under the lock     take a piece: a run of idle slots within 2 MiB, from the upper end of the heap
 *                        downwards
 *     without it         madvise
 *     under the lock     put the piece back, clean; or as it was, if the kernel refused
 *
 * Meanwhile the slots of a piece belong to no thread, and other threads allocate from other slots. But the
 * extent allocator may hand out a part of a piece of its own memory. A thread that gets such a part asks for
 * other memory; only if there is none does it wait until the piece has been purged. A piece counts as given
 * back from the moment it was taken. The rule purges one piece at a time. Threads that are at a limit need
 * the room, so several of them may purge at once.
 *
 * Where the kernel refuses (a sandbox without madvise), trying again at each free would cost time and change
 * nothing: so a number of attempts are skipped. Where a part of the memory is locked (mlock), the rest of it
 * goes back. The locked slots are left out for a number of attempts, or until purge_retry. */
#ifndef WEIR_PAGES_PURGE_H
#define WEIR_PAGES_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Purge until no more than `bound` bytes are idle. The lock, which the caller has, is given up on the way:
 * what was found under it before has to be found anew if purge_turns has changed. True: anything was
 * purged. */
bool purge_to(size_t bound);
/* Try again what the kernel refused. For a caller that has the time. */
void purge_retry(void);
/* The number of the current round of attempts. What was refused in a round is not tried again before the next
 * one. */
uint32_t purge_round(void);
/* How often the lock was given up on the way, ever. */
uint64_t purge_turns(void);
/* Is any piece being purged? */
bool purge_is_busy(void);
/* The bytes that are being purged: they no longer count as held, but may still be resident. */
size_t purge_bytes_in_work(void);
/* Count one more turn: the lock was given up in the middle of other work. */
void purge_note_turn(void);
/* Take memory from the extent allocator, no part of which is being purged. NULL: there is none. */
void *purge_take_provided(size_t size, size_t alignment);
/* Is any part of the memory being purged? */
bool purge_has(const void *memory, size_t size);
/* Wait until nothing of the memory is being purged. The lock is given up meanwhile. */
void purge_await(const void *memory, size_t size);
/* Decommit what the extent allocator holds for reuse, for instance after the kernel has refused to commit.
 * True: something was decommitted. */
bool purge_give_up_commitment(void);
/* For the execution trace: called by the thread that has given bytes back, after that, without the pages'
 * lock; NULL: there is no trace. */
extern void (*_Atomic purge_watch)(size_t bytes, uint64_t from_ns, uint64_t to_ns);
/* In the child of a fork: no thread purges any more. */
void purge_after_fork_child(void);

#endif
