/* budget: accounts, what is charged to them, and which thread allocates for which (include/weir/account.h).
 *
 * Blocks that are to be charged take the way of samples (sampled.h): a thread that allocates for an account
 * is diverted, that is each of its allocations is due to be a sample. So the fast paths know nothing of it,
 * and every way in which a sample can be freed is seen. Here stands what a block is charged with:
 *
 *     take      held += bytes, unless that would pass the limit        atomically; before the block is there
 *     note      block -> account, bytes                                under the lock
 *     forget    held -= bytes                                          when the block goes
 *
 *     held of an account == sum of the bytes of its blocks in the map, but for blocks between two of these
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

/* NULL: there is no room. */
weir_account *budget_account_new(const char *name, size_t length, int64_t limit);
int64_t budget_set_limit(weir_account *account, int64_t limit);
void budget_set_shrinker(weir_account *account, weir_shrinker *shrinker, void *context);
const char *budget_name(const weir_account *account);
void budget_read(const weir_account *account, weir_account_stats *stats);
void budget_reset_peak(weir_account *account);
weir_account *budget_next(const weir_account *before);

/* --- threads --- */

/* What the thread allocates for; NULL: for none, or for that of the library which asks. */
extern __thread weir_account *budget_current __attribute__((tls_model("initial-exec")));

/* Which account the caller of malloc belongs to, if the thread is in none: see divert_for_caller. */
void budget_set_caller(weir_account *(*of_caller)(const struct heap *heap));
bool budget_asks_caller(void);

/* The account that the thread's next allocation is for. NULL: none. */
weir_account *budget_account(const struct heap *heap);

/* --- blocks --- */

/* False: the limit refuses it, which the thread remembers until budget_answer. */
bool budget_take(weir_account *account, size_t bytes);
void budget_give(weir_account *account, size_t bytes);
/* The block has what was taken. False: there is no memory to note it, and what was taken is given back. */
bool budget_note(weir_account *account, const void *block, size_t bytes);
/* Is there any account? Else nothing is charged. */
extern _Atomic bool budget_is_used;
/* What is not charged may be asked about, in these. */
void budget_forget(const void *block);
void budget_forget_cells(const char *start, size_t size, const uint64_t *cells, uint32_t words);
weir_account *budget_find(const void *block); /* NULL: to none */
/* It is going to have so many bytes. False: the limit refuses that. */
bool budget_resize(const void *block, size_t bytes);

/* If the thread's last allocation was refused by a limit: ask the account's shrinker, outside of locks.
 * True: it is worth another try. */
bool budget_answer(void);

bool budget_before_fork(void);
void budget_after_fork(bool child);

#endif
