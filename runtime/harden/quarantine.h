/* quarantine: freed blocks on their way to the heap, in the order they were freed, so that no address is
 * handed out again soon, and what a program writes after free is seen when the block leaves.
 *
 * The number of blocks is bounded, and so are their bytes. A large block holds no memory while it is here,
 * only addresses: a sixteenth of its bytes counts, unless its pages are locked and the kernel did not take
 * them. The newest block stays however large it is, if it holds no memory. All blocks leave when memory is
 * short, and when the program asks for free memory to be given back. The caller holds the lock of hardening
 * (harden.c).
 */
#ifndef WEIR_HARDEN_QUARANTINE_H
#define WEIR_HARDEN_QUARANTINE_H

#include "runtime/harden/block.h"

bool quarantine_is_full(void);
/* Poison a live block, and keep it. The quarantine is not full. */
void quarantine_put(const block_t *block);
/* Take the oldest block out, if the bounds are exceeded or, with `all`, in any case. NULL: none was taken.
 * *accessible: what block_release returned; *finding: what block_check_poison found. */
void *quarantine_take(bool all, bool *accessible, finding_t *finding);
/* Look at the newest block and, in turn, at one of the others. */
finding_t quarantine_patrol(void);

#endif
