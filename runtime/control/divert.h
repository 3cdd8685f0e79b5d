/* divert: the account that a thread allocates for. The code that takes samples of the heap profile charges
 * the allocations to it (profile/sampled.h). So the thread is diverted: its lists of free cells are emptied,
 * and each allocation takes the slow path that leads there.
 */
#ifndef WEIR_CONTROL_DIVERT_H
#define WEIR_CONTROL_DIVERT_H

#include <weir/account.h>

struct heap;

/* The thread allocates for this account from now on. Returns the account before. The caller holds no lock. */
weir_account *divert_to(weir_account *account);

/* The heap has a new thread, which has entered no account. */
void divert_thread_begin(struct heap *heap);

/* From now on, a thread that has entered no account is charged to the account that of_caller returns for the
 * caller of malloc; NULL: none. Called once, before there are other threads: all threads are diverted from
 * then on. */
void divert_for_caller(weir_account *(*of_caller)(const struct heap *heap));
/* Before a block is resized: enter the account that it is charged to, if any, so that it stays with that one.
 * Returns the account that the thread was in. */
weir_account *divert_to_account_of(const void *block);

#endif
