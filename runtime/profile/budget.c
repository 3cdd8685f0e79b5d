/* budget: see budget.h. */
#include "runtime/profile/budget.h"

#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/os/check.h"
#include "runtime/os/lock.h"
#include "runtime/os/mask.h"
#include "runtime/profile/block_map.h"

struct weir_account {
    char name[WEIR_ACCOUNT_NAME]; /* written once, before the account is counted */
    _Atomic int64_t limit;
    _Atomic uint64_t held, peak, charged, refused;
    weir_shrinker *shrinker; /* with its context: under the lock */
    void *context;
};

typedef struct charge {
    uintptr_t block; /* 0: a free entry of the map */
    weir_account *account;
    size_t bytes;
} charge_t;

static struct {
    lock_t lock;
    block_map_t charges;                            /* under the lock */
    weir_account accounts[WEIR_ACCOUNTS];           /* the first `count` are in use */
    _Atomic uint32_t count;                         /* grows, under the lock */
    weir_account *(*of_caller)(const heap_t *heap); /* written once, before threads */
} budget = {.lock = LOCK_INIT(LOCK_RANK_BUDGET), .charges = BLOCK_MAP_OF(charge_t)};

__thread weir_account *budget_current;
_Atomic bool budget_is_used;

/* Of the thread. account: its limit has refused the thread's last allocation, of `wanted` bytes, and
 * budget_answer was not called since; NULL: none has. is_retried: that allocation is being tried again.
 * is_answering: the thread is in a shrinker. */
static __thread struct {
    weir_account *account;
    size_t wanted;
    bool is_retried, is_answering;
} refusal __attribute__((tls_model("initial-exec")));

/* --- accounts --- */

static uint32_t number_of(const weir_account *account)
{
    return (uint32_t)(account - budget.accounts);
}

weir_account *budget_account_new(const char *name, size_t length, int64_t limit)
{
    weir_account *account = NULL;
    lock_acquire(&budget.lock);
    uint32_t number = atomic_load(&budget.count);
    if (number < WEIR_ACCOUNTS) {
        account = &budget.accounts[number];
        memcpy(account->name, name, length < WEIR_ACCOUNT_NAME ? length : WEIR_ACCOUNT_NAME - 1);
        atomic_store(&account->limit, limit);
        atomic_store(&budget.count, number + 1);
        atomic_store(&budget_is_used, true);
    }
    lock_release(&budget.lock);
    return account;
}

int64_t budget_set_limit(weir_account *account, int64_t limit)
{
    return limit < 0 ? atomic_load(&account->limit) : atomic_exchange(&account->limit, limit);
}

void budget_set_shrinker(weir_account *account, weir_shrinker *shrinker, void *context)
{
    lock_acquire(&budget.lock);
    account->shrinker = shrinker;
    account->context = context;
    lock_release(&budget.lock);
}

const char *budget_name(const weir_account *account)
{
    return account->name;
}

void budget_read(const weir_account *account, weir_account_stats *stats)
{
    *stats = (weir_account_stats){.limit = atomic_load(&account->limit),
                                  .held = atomic_load(&account->held),
                                  .peak = atomic_load(&account->peak),
                                  .charged = atomic_load(&account->charged),
                                  .refused = atomic_load(&account->refused)};
    memcpy(stats->name, account->name, sizeof stats->name);
}

void budget_reset_peak(weir_account *account)
{
    atomic_store(&account->peak, atomic_load(&account->held));
}

weir_account *budget_next(const weir_account *before)
{
    uint32_t number = before ? number_of(before) + 1 : 0;
    return number < atomic_load(&budget.count) ? &budget.accounts[number] : NULL;
}

/* --- threads --- */

void budget_set_caller(weir_account *(*of_caller)(const heap_t *heap))
{
    budget.of_caller = of_caller;
}

bool budget_asks_caller(void)
{
    return budget.of_caller != NULL;
}

weir_account *budget_account(const heap_t *heap)
{
    return budget_current ? budget_current : budget.of_caller ? budget.of_caller(heap) : NULL;
}

/* --- what is held --- */

static void raise_peak(weir_account *account, uint64_t held)
{
    uint64_t peak = atomic_load_explicit(&account->peak, memory_order_relaxed);
    while (held > peak && !atomic_compare_exchange_weak(&account->peak, &peak, held))
        continue;
}

static bool refuse(weir_account *account, size_t bytes)
{
    if (refusal.is_retried || refusal.is_answering) {
        atomic_fetch_add(&account->refused, 1);
        refusal.is_retried = false;
    }
    refusal.account = account;
    refusal.wanted = bytes;
    return false;
}

bool budget_take(weir_account *account, size_t bytes)
{
    uint64_t limit = (uint64_t)atomic_load(&account->limit), held = atomic_load(&account->held);
    do
        if (bytes > limit || held > limit - bytes)
            return refuse(account, bytes);
    while (!atomic_compare_exchange_weak(&account->held, &held, held + bytes));
    raise_peak(account, held + bytes);
    refusal.account = NULL;
    refusal.is_retried = false;
    return true;
}

void budget_give(weir_account *account, size_t bytes)
{
    uint64_t before = atomic_fetch_sub(&account->held, bytes);
    DEBUG_CHECK(before >= bytes);
    (void)before;
}

/* Ask the account's shrinker. If an allocation of the shrinker itself is refused, no shrinker is asked: see
 * budget_answer. */
static bool shrink(weir_account *account, size_t wanted)
{
    lock_acquire(&budget.lock);
    weir_shrinker *shrinker = account->shrinker;
    void *context = account->context;
    lock_release(&budget.lock);
    if (!shrinker)
        return false;
    int cancel = os_cancel_off();
    refusal.is_answering = true;
    bool any = shrinker(context, wanted) > 0;
    refusal.is_answering = false;
    os_cancel_restore(cancel);
    return any;
}

bool budget_answer(void)
{
    weir_account *account = refusal.account;
    refusal.account = NULL;
    if (!account || refusal.is_answering)
        return false;
    refusal.is_retried = shrink(account, refusal.wanted);
    if (!refusal.is_retried)
        atomic_fetch_add(&account->refused, 1);
    return refusal.is_retried;
}

/* --- blocks --- */

bool budget_note(weir_account *account, const void *block, size_t bytes)
{
    lock_acquire(&budget.lock);
    charge_t *charge = block_map_put(&budget.charges, block);
    bool noted = charge != NULL;
    if (noted)
        *charge = (charge_t){(uintptr_t)block, account, bytes};
    lock_release(&budget.lock);
    if (noted)
        atomic_fetch_add_explicit(&account->charged, 1, memory_order_relaxed);
    else
        budget_give(account, bytes);
    return noted;
}

/* Under the lock. */
static void forget_charge(const void *block)
{
    charge_t *charge = block_map_find(&budget.charges, block);
    if (!charge)
        return;
    budget_give(charge->account, charge->bytes);
    block_map_remove(&budget.charges, charge);
}

void budget_forget(const void *block)
{
    if (!atomic_load_explicit(&budget_is_used, memory_order_relaxed))
        return;
    lock_acquire(&budget.lock);
    forget_charge(block);
    lock_release(&budget.lock);
}

void budget_forget_cells(const char *start, size_t size, const uint64_t *cells, uint32_t words)
{
    if (!atomic_load_explicit(&budget_is_used, memory_order_relaxed))
        return;
    lock_acquire(&budget.lock);
    for (uint32_t word = 0; word < words; word++)
        for (uint64_t left = cells[word]; left; left &= left - 1)
            forget_charge(start + (size * (word * 64 + (uint32_t)__builtin_ctzll(left))));
    lock_release(&budget.lock);
}

weir_account *budget_find(const void *block)
{
    if (!atomic_load_explicit(&budget_is_used, memory_order_relaxed))
        return NULL;
    lock_acquire(&budget.lock);
    const charge_t *charge = block_map_find(&budget.charges, block);
    weir_account *account = charge ? charge->account : NULL;
    lock_release(&budget.lock);
    return account;
}

bool budget_resize(const void *block, size_t bytes)
{
    if (!atomic_load_explicit(&budget_is_used, memory_order_relaxed))
        return true;
    lock_acquire(&budget.lock);
    charge_t *charge = block_map_find(&budget.charges, block);
    size_t before = charge ? charge->bytes : bytes;
    bool fits = bytes <= before || budget_take(charge->account, bytes - before);
    if (bytes < before)
        budget_give(charge->account, before - bytes);
    if (charge && fits)
        charge->bytes = bytes;
    lock_release(&budget.lock);
    return fits;
}

/* --- fork --- */

bool budget_before_fork(void)
{
    return lock_acquire_soon(&budget.lock);
}

void budget_after_fork(bool child)
{
    lock_after_fork(&budget.lock, child);
}
