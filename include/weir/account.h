/* weir/account.h: budgets: how much memory a part of the program holds, and how much it may hold at most.
 *
 * A thread enters an account. From then on all that the thread allocates is charged to the account: blocks of
 * malloc and weir_malloc, and collected objects, also those that libraries allocate on its behalf. The blocks
 * of an arena and the objects of a pool are charged to the account in which the arena or pool was made,
 * whichever thread takes them. The charge for a block is the size of its cell or of its pages. It lasts until
 * any thread frees the block, or the collector does.
 *
 *     weir_account *parser = weir_account_new("parser", 64 << 20);
 *     weir_account *before = weir_account_enter(parser);
 *     ...
 *     weir_account_enter(before);
 *
 * When an account has reached its limit, its shrinker is called first. An allocation that still does not fit
 * fails with NULL and ENOMEM; other parts of the program are not affected. WEIR_BUDGET=libfoo.so:200MiB does
 * the same for a library, in a program that does not use this header (docs/limit.md).
 *
 * A thread that is in an account allocates on the slow path, at some 100 ns a block. To enter or leave an
 * account takes some microseconds. Threads that are in no account pay nothing. With WEIR_DEBUG=harden=1
 * nothing is charged.
 */
#ifndef WEIR_ACCOUNT_H
#define WEIR_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>
#include <weir/control.h>

typedef struct weir_account weir_account;

enum { WEIR_ACCOUNT_NAME = 32, WEIR_ACCOUNTS = 256 };

typedef struct weir_account_stats {
    char name[WEIR_ACCOUNT_NAME];
    int64_t limit;    /* bytes; WEIR_NO_LIMIT: none */
    uint64_t held;    /* bytes that are charged now */
    uint64_t peak;    /* the most that held has been, since the beginning or weir_account_reset_peak */
    uint64_t charged; /* blocks, ever */
    uint64_t refused; /* allocations that failed because of the limit, ever */
} weir_account_stats;

WEIR_API_BEGIN

/* A new account with this name, of which the first 31 bytes count, and a limit in bytes or WEIR_NO_LIMIT. The
 * account lives as long as the process. NULL with ENOMEM: the process has WEIR_ACCOUNTS of them already; with
 * EINVAL: there is no name, or the limit is negative. Any thread may call it. */
WEIR_API weir_account *weir_account_new(const char *name, int64_t limit) WEIR_NOEXCEPT;

/* From now on the calling thread allocates for this account; NULL: for none, as at its start. Returns the
 * account that it was in. Keeps errno. */
WEIR_API weir_account *weir_account_enter(weir_account *account) WEIR_NOEXCEPT;

/* Set a new limit. If the account holds more, further allocations are refused, but nothing is taken away. A
 * negative value changes nothing. Returns the old limit. Any thread may call it. */
WEIR_API int64_t weir_account_set_limit(weir_account *account, int64_t limit) WEIR_NOEXCEPT;

/* Have the shrinker called when an allocation does not fit into the account; NULL: none. The rules of
 * weir_shrinker_add hold for it, except that it may run on several threads at a time. If it has freed
 * anything, the allocation is tried once more. Any thread may call this. */
WEIR_API void weir_account_set_shrinker(weir_account *account, weir_shrinker *shrinker,
                                        void *context) WEIR_NOEXCEPT;

/* Fill the first `size` bytes of the figures; as weir_read_mem_stats_sized. Any thread may call it; it takes
 * no lock. */
WEIR_API size_t weir_account_read_sized(const weir_account *account, void *stats, size_t size) WEIR_NOEXCEPT;
static inline void weir_account_read(const weir_account *account, weir_account_stats *stats) WEIR_NOEXCEPT
{
    (void)weir_account_read_sized(account, stats, sizeof *stats);
}

/* Set the peak to what the account holds now. Any thread may call it. */
WEIR_API void weir_account_reset_peak(weir_account *account) WEIR_NOEXCEPT;

/* For a loop over all accounts: the account that was made after `before`; with NULL, the first one. The
 * accounts of WEIR_BUDGET come first. Returns NULL after the last. Any thread may call it. */
WEIR_API weir_account *weir_account_next(const weir_account *before) WEIR_NOEXCEPT;

WEIR_API_END

#endif
