/* weir/account.h: budgets: what a part of the program holds, and at most may hold.
 *
 * A thread enters an account, and from then on what it allocates is charged to it: blocks of malloc and
 * weir_malloc, collected objects, and with them what libraries allocate on the way. The blocks of an arena
 * and the objects of a pool are charged to the account in which the arena or pool was made, whichever
 * thread takes them. A block is charged with all that it takes (its size class, or whole pages), until it
 * is freed by any thread or collected.
 *
 *     weir_account *parser = weir_account_new("parser", 64 << 20);
 *     weir_account *before = weir_account_enter(parser);
 *     ...
 *     weir_account_enter(before);
 *
 * At its limit an account first asks its shrinker; an allocation that still does not fit fails with NULL
 * and ENOMEM, though other parts of the program get theirs. WEIR_BUDGET=libfoo.so:200MiB does the same for
 * libraries of programs that know nothing of it (docs/limit.md).
 *
 * A thread that is in an account allocates on the slow path, at some 100 ns a block; to enter or leave one
 * takes some microseconds. Others pay nothing. Not with WEIR_DEBUG=harden=1, where nothing is charged.
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
    uint64_t held;    /* bytes that are charged now, */
    uint64_t peak;    /* and at most since the beginning, or since weir_account_reset_peak */
    uint64_t charged; /* blocks, ever */
    uint64_t refused; /* allocations that failed because of the limit, ever */
} weir_account_stats;

WEIR_API_BEGIN

/* An account of that name, of which the first 31 bytes count, with a limit in bytes or WEIR_NO_LIMIT. It
 * lives as long as the process, which may have WEIR_ACCOUNTS of them. NULL with ENOMEM: there are so many;
 * with EINVAL: there is no name, or the limit is negative. Any thread. */
WEIR_API weir_account *weir_account_new(const char *name, int64_t limit) WEIR_NOEXCEPT;

/* The calling thread allocates for this account from here on; NULL: for none, as at its start. Returns the
 * one before. Keeps errno. */
WEIR_API weir_account *weir_account_enter(weir_account *account) WEIR_NOEXCEPT;

/* A new limit, which refuses what does not fit and takes nothing away; a negative value changes nothing.
 * Returns the old one. Any thread. */
WEIR_API int64_t weir_account_set_limit(weir_account *account, int64_t limit) WEIR_NOEXCEPT;

/* Have the shrinker asked when an allocation does not fit into the account; NULL: none. It runs as those of
 * weir_shrinker_add do, but on more than one thread at a time perhaps. If it has given up anything, the
 * allocation is tried once more. Any thread. */
WEIR_API void weir_account_set_shrinker(weir_account *account, weir_shrinker *shrinker,
                                        void *context) WEIR_NOEXCEPT;

/* Fill the first `size` bytes of the figures; as weir_read_mem_stats_sized. Any thread; no lock. */
WEIR_API size_t weir_account_read_sized(const weir_account *account, void *stats, size_t size) WEIR_NOEXCEPT;
static inline void weir_account_read(const weir_account *account, weir_account_stats *stats) WEIR_NOEXCEPT
{
    (void)weir_account_read_sized(account, stats, sizeof *stats);
}

/* The peak is what is held now. Any thread. */
WEIR_API void weir_account_reset_peak(weir_account *account) WEIR_NOEXCEPT;

/* All accounts in the order in which they were made, those of WEIR_BUDGET first: the one after it; NULL:
 * the first. NULL is returned after the last. Any thread. */
WEIR_API weir_account *weir_account_next(const weir_account *before) WEIR_NOEXCEPT;

WEIR_API_END

#endif
