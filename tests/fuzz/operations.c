/* operations: an input is a sequence of calls to the whole API, beside a model of what has to be there.
 *
 *     manual      each block holds a pattern of its own, checked at every use: blocks that overlap are seen
 *     arenas      stacks of objects, places and counted cleanups, as an arena is; strings built are compared
 *     pools       each object knows whether it is in the pool
 *     collected   a graph of objects with weak references, finalizers, cleanups and a weak map. A reached
 *                 object is whole, and was neither finalized nor cleaned up; another may be, but only once
 *     knobs       turned in between; counters of the account never fall
 *     budgets     the thread enters and leaves two accounts, which hold no more than their limits and the heap
 *
 * Each part is in a file of its own, operations_*.c. After the input all is given back, and what is left of
 * the heap is verified.
 */
#include "tests/fuzz/operations.h"

#include <weir.h>

#include "runtime/gc/cells/collected.h"
#include "tests/unit/support.h"

bool operations_may_fail;

/* --- knobs --- */

/* May the hard limit refuse, or the budget of the account that the thread is in? */
static bool limit_may_refuse, account_may_refuse;

static void turn(input_t *input)
{
    static const int percents[] = {100, 0, 10, 1000, -1, 1, INT32_MAX};
    static const int64_t limits[] = {WEIR_NO_LIMIT, 0, 1 << 20, 16 << 20, 64 << 20};
    switch (input_below(input, 4)) {
    case 0:
        weir_set_gc_percent(percents[input_below(input, COUNT(percents))]);
        break;
    case 1:
        weir_set_memory_limit(limits[input_below(input, COUNT(limits))]);
        break;
    case 2:
        limit_may_refuse = input_byte(input) & 1;
        weir_set_hard_limit(limit_may_refuse ? 64 << 20 : WEIR_NO_LIMIT);
        break;
    case 3:
        weir_free_os_memory();
        break;
    }
    operations_may_fail = limit_may_refuse || account_may_refuse;
}

/* --- budgets --- */

static weir_account *accounts[2]; /* the second has a limit */

static void budget_begin(void)
{
    accounts[0] = weir_account_new("unlimited", WEIR_NO_LIMIT);
    accounts[1] = weir_account_new("limited", 1 << 20);
}

static void enter_account(input_t *input)
{
    uint32_t which = input_below(input, 3);
    weir_account_enter(which < 2 ? accounts[which] : NULL);
    account_may_refuse = which == 1;
    operations_may_fail = limit_may_refuse || account_may_refuse;
}

static void check_accounts(void)
{
    weir_account_stats stats;
    weir_mem_stats all;
    weir_read_mem_stats(&all);
    for (size_t i = 0; i < COUNT(accounts); i++) {
        weir_account_read(accounts[i], &stats);
        CHECK(stats.held <= stats.peak && stats.held <= (uint64_t)stats.limit &&
              stats.held <= all.heap_alloc);
    }
}

static void read_account(input_t *input)
{
    static weir_mem_stats before;
    weir_mem_stats now;
    (void)input;
    weir_read_mem_stats(&now);
    CHECK(now.mallocs >= before.mallocs && now.frees >= before.frees);
    CHECK(now.total_alloc >= before.total_alloc && now.num_gc >= before.num_gc);
    CHECK(now.mallocs - now.frees == now.heap_objects && now.total_alloc >= now.heap_alloc);
    CHECK(now.heap_released <= now.sys);
    before = now;
}

static void verify(input_t *input)
{
    (void)input;
    verify_own();
}

/* --- the input --- */

static const struct {
    unsigned weight;
    void (*run)(input_t *input);
} operations[] = {{10, manual_step}, {6, arena_step},   {4, pool_step}, {9, collected_step},
                  {1, turn},         {1, read_account}, {1, verify},    {1, enter_account}};

static void step(input_t *input)
{
    uint32_t choice = input_byte(input) & 31, i = 0;
    for (; i < COUNT(operations) - 1 && choice >= operations[i].weight; i++)
        choice -= operations[i].weight;
    operations[i].run(input);
}

static void begin(void)
{
    static bool begun;
    if (begun)
        return;
    begun = true;
    pool_begin();
    collected_begin();
    budget_begin();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_t input = {data, data + size};
    begin();
    while (input.at < input.end)
        step(&input);
    weir_set_hard_limit(WEIR_NO_LIMIT);
    weir_account_enter(NULL);
    operations_may_fail = limit_may_refuse = account_may_refuse = false;
    check_accounts();
    manual_end();
    arena_end();
    pool_end();
    collected_end();
    weir_set_gc_percent(100);
    weir_set_memory_limit(WEIR_NO_LIMIT);
    verify_own();
    return 0;
}
