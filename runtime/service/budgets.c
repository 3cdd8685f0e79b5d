/* budgets: see budgets.h. The calls are found by runtime/unwind/unwind.h, the file of each by the linker's
 * own index, which needs no lock. */
#include "runtime/service/budgets.h"

#include <string.h>

#include "runtime/base/rules.h"
#include "runtime/base/text.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/control/divert.h"
#include "runtime/profile/budget.h"
#include "runtime/service/callers.h"
#include "runtime/unwind/unwind.h"

static const char *option(void)
{
    return (const char *)(intptr_t)options.budget;
}

/* The account for a file. The rules' accounts are the first that were made, in the order of the rules. NULL:
 * no rule names the file. */
static weir_account *account_of(const char *file)
{
    rule_t rule;
    weir_account *account = NULL;
    for (const char *rest = option(); *rest;) {
        rest = rule_next_budget(rest, &rule);
        account = budget_next(account);
        if (!account || strncmp(rule.name, file, rule.length) == 0)
            break;
        if (!*rest)
            account = NULL;
    }
    return account;
}

static weir_account *of_caller(const heap_t *heap)
{
    enum { CALLS = 64 };
    uintptr_t calls[CALLS];
    bool whole;
    uint32_t depth = unwind_calls(thread_state_stack(&heap->thread), calls, CALLS, &whole);
    weir_account *found = NULL;
    for (uint32_t i = 0; i < depth && !found; i++) {
        const char *file = callers_file(calls[i]);
        found = file ? account_of(file) : NULL;
    }
    return found;
}

static void say_too_many(void)
{
    char line[96];
    text_t text = text_on(line, sizeof line);
    text_add_str(&text, "weir: WEIR_BUDGET names more than ");
    text_add_u64(&text, WEIR_ACCOUNTS);
    text_add_str(&text, " libraries; the rest have no budget\n");
    text_say(line);
}

void budgets_prepare(void)
{
    rule_t rule;
    if (!option())
        return;
    if (options.harden) {
        text_say("weir: WEIR_BUDGET has no effect with harden=1\n");
        return;
    }
    for (const char *rest = option(); *rest;) {
        rest = rule_next_budget(rest, &rule);
        if (!budget_account_new(rule.name, rule.length, (int64_t)rule.low)) {
            say_too_many();
            break;
        }
    }
    divert_for_caller(of_caller);
}
