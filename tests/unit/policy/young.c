/* young: the rule by hand, and simulated programs. */
#include <criterion/criterion.h>

#include "runtime/policy/young.h"
#include "tests/unit/support.h"

static const uint64_t MILLISECOND = 1000000;

/* A full trace of 500 MiB takes 100 ms, after 500 MiB were allocated. */
static bool note_full(young_t *young)
{
    return young_is_next(
        young, &(young_trace_t){
                   .cost_ns = 100 * MILLISECOND, .allocated = MIB(500), .live = MIB(500), .goal = MIB(1000)});
}

static bool note_young(young_t *young, uint64_t cost_ns, size_t allocated, size_t live)
{
    return young_is_next(
        young,
        &(young_trace_t){
            .young = true, .cost_ns = cost_ns, .allocated = allocated, .live = live, .goal = MIB(1000)});
}

Test(young, one_that_pays_is_followed_by_another)
{
    young_t young = {0};
    cr_expect(note_full(&young));
    cr_expect(note_young(&young, 10 * MILLISECOND, MIB(500), MIB(510)));
    cr_expect(note_young(&young, 10 * MILLISECOND, MIB(490), MIB(520)));
    cr_expect(note_young(&young, 72 * MILLISECOND, MIB(480), MIB(530)), "3/4 for a byte");
}

Test(young, when_half_of_the_room_is_garbage_a_full_one_follows)
{
    young_t young = {0};
    note_full(&young);
    cr_expect(note_young(&young, 10 * MILLISECOND, MIB(500), MIB(749)));
    cr_expect_not(note_young(&young, 10 * MILLISECOND, MIB(250), MIB(751)));
    cr_expect(note_full(&young), "and then a young one again");
}

Test(young, attempts_that_do_not_pay_become_rare)
{
    young_t young = {0};
    unsigned fulls = 0, attempts = 0;
    for (; fulls < 1000; fulls++)
        if (note_full(&young)) {
            attempts++;
            cr_expect_not(note_young(&young, 90 * MILLISECOND, MIB(500), MIB(500)));
        }
    cr_expect_leq(attempts, 5u + 1000 / 64 + 1);
    cr_expect_geq(attempts, 1000u / 64);
    while (!note_full(&young))
        continue;
    cr_expect(note_young(&young, 10 * MILLISECOND, MIB(500), MIB(500)));
    cr_expect_not(note_young(&young, 90 * MILLISECOND, MIB(500), MIB(500)));
    cr_expect_not(note_full(&young));
    cr_expect(note_full(&young), "one that paid has cleared the record");
}

Test(young, what_may_be_garbage)
{
    young_t young = {0};
    note_full(&young);
    cr_expect_eq(young_floating(&young, &(young_trace_t){.young = true, .live = MIB(600)}), (size_t)MIB(100));
    cr_expect_eq(young_floating(&young, &(young_trace_t){.young = true, .live = MIB(400)}), 0u);
    cr_expect_eq(young_floating(&young, &(young_trace_t){.live = MIB(600)}), 0u, "a full one found it all");
}

Test(young, without_any_figures_nothing_is_divided_by_zero)
{
    young_t young = {0};
    cr_expect(young_is_next(&young, &(young_trace_t){0}));
    young_is_next(&young, &(young_trace_t){.young = true});
    young_is_next(&young, &(young_trace_t){.young = true, .cost_ns = UINT64_MAX, .live = UINT64_MAX});
}
