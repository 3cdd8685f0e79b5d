/* budget: accounts, what is charged to them, and which thread allocates for which (include/weir/account.h).
 *
 * A charged block is allocated in the way of samples (sampled.h): a thread that allocates for an account is
 * diverted, so each of its allocations takes the slow path there. The fast paths know nothing of accounts,
 * and no free of a charged block is missed. This file keeps what each block is charged with:
 *
 *     take      held += bytes, unless that would pass the limit        atomically; before the block is there
 *     note      block -> account, bytes                                under the lock
 *     forget    held -= bytes                                          when the block is freed
 *
 *     held of an account == sum of the bytes of its blocks in the map, except for blocks between two of these
 *     steps
 */
#ifndef WEIR_PROFILE_BUDGET_H
#define WEIR_PROFILE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/account.h>

#include "runtime/os/os.h"

struct heap;

/* --- accounts --- */

/* A new account; NULL: there is no room for one. */
weir_account *budget_account_new(const char *name, size_t length, int64_t limit);
int64_t budget_set_limit(weir_account *account, int64_t limit);
void budget_set_shrinker(weir_account *account, weir_shrinker *shrinker, void *context);
const char *budget_name(const weir_account *account);
void budget_read(const weir_account *account, weir_account_stats *stats);
void budget_reset_peak(weir_account *account);
weir_account *budget_next(const weir_account *before);

/* --- threads --- */

/* The account that the thread has entered. NULL: none; then the account of the library that calls malloc
 * counts, if it has one (divert_for_caller). */
extern __thread weir_account *budget_current __attribute__((tls_model("initial-exec")));

/* Set the function that says which account the caller of malloc belongs to, if the thread has entered none:
 * see divert_for_caller. */
void budget_set_caller(weir_account *(*of_caller)(const struct heap *heap));
bool budget_asks_caller(void);

/* The account that the thread's next allocation is for. NULL: none. */
weir_account *budget_account(const struct heap *heap);

/* --- blocks --- */

/* Charge the bytes to the account. False: its limit refuses them, and the thread remembers that until
 * budget_answer. */
bool budget_take(weir_account *account, size_t bytes);
void budget_give(weir_account *account, size_t bytes);
/* Note that the bytes that were taken are this block's. False: there is no memory for the note, and the bytes
 * are given back. */
bool budget_note(weir_account *account, const void *block, size_t bytes);
/* Is there any account? Else nothing is charged. */
extern _Atomic bool budget_is_used;
/* The block may be one that is not charged, here and in the functions below. */
void budget_forget(const void *block);
void budget_forget_cells(const char *start, size_t size, const uint64_t *cells, uint32_t words);
weir_account *budget_find(const void *block); /* the block's account; NULL: it is not charged */
/* The block is to be resized to `bytes`: charge the difference, or give it back. False: the limit refuses
 * that. */
bool budget_resize(const void *block, size_t bytes);

/* If an account's limit has refused the thread's last allocation, ask the account's shrinker. The caller
 * holds no lock. True: the allocation is worth another try. False in a shrinker. */
bool budget_answer(void);

bool budget_before_fork(void);
void budget_after_fork(bool child);

#endif
