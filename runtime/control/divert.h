/* divert: the account that a thread allocates for. Its allocations are charged where samples of the heap
 * profile are taken (profile/sampled.h): so its lists of free cells are emptied, and each allocation comes
 * there.
 */
#ifndef WEIR_CONTROL_DIVERT_H
#define WEIR_CONTROL_DIVERT_H

#include <weir/account.h>

struct heap;

/* The one before. Outside of locks and gates. */
weir_account *divert_to(weir_account *account);

/* The heap has a new thread, which is in no account. */
void divert_thread_begin(struct heap *heap);

/* From now on: which account the caller of malloc belongs to, if the thread is in none; NULL: to none.
 * Once, before other threads: all are diverted from then on. */
void divert_for_caller(weir_account *(*of_caller)(const struct heap *heap));
/* A block stays with its account where it is resized: enter that, if it is charged to one. The account that
 * the thread was in. */
weir_account *divert_to_account_of(const void *block);

#endif
