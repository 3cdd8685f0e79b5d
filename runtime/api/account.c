/* account: the public functions for budgets. */
#include <weir/account.h>

#include <errno.h>
#include <string.h>

#include "runtime/control/divert.h"
#include "runtime/profile/budget.h"

weir_account *weir_account_new(const char *name, int64_t limit)
{
    if (!name || !name[0] || limit < 0) {
        errno = EINVAL;
        return NULL;
    }
    weir_account *account = budget_account_new(name, strnlen(name, WEIR_ACCOUNT_NAME - 1), limit);
    if (!account)
        errno = ENOMEM;
    return account;
}

weir_account *weir_account_enter(weir_account *account)
{
    return divert_to(account);
}

int64_t weir_account_set_limit(weir_account *account, int64_t limit)
{
    return budget_set_limit(account, limit);
}

void weir_account_set_shrinker(weir_account *account, weir_shrinker *shrinker, void *context)
{
    budget_set_shrinker(account, shrinker, context);
}

size_t weir_account_read_sized(const weir_account *account, void *stats, size_t size)
{
    weir_account_stats all;
    budget_read(account, &all);
    size_t known = size < sizeof all ? size : sizeof all;
    memcpy(stats, &all, known);
    memset((char *)stats + known, 0, size - known);
    return sizeof all;
}

void weir_account_reset_peak(weir_account *account)
{
    budget_reset_peak(account);
}

weir_account *weir_account_next(const weir_account *before)
{
    return budget_next(before);
}
