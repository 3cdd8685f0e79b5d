/* program_roots: against a model, a list that is searched from its end. */
#include <criterion/criterion.h>

#include "runtime/gc/roots/program_roots.h"
#include "tests/unit/support.h"

enum { MOST = 1000, STEPS = 200000, STARTS = 700 };

static struct entry {
    uintptr_t start;
    size_t size;
} model[MOST];
static size_t count;

static uint64_t sum;

static void add_up(uintptr_t from, uintptr_t to)
{
    sum += from * 31 + (to - from) * 17 + 1;
}

static uint64_t sum_of_model(void)
{
    sum = 0;
    for (size_t i = 0; i < count; i++)
        add_up(model[i].start, model[i].start + model[i].size);
    return sum;
}

static uint64_t sum_of_roots(void)
{
    sum = 0;
    program_roots_each(add_up);
    return sum;
}

static void remove_from_model(uintptr_t start)
{
    for (size_t i = count; i-- > 0;)
        if (model[i].start == start) {
            memmove(&model[i], &model[i + 1], (--count - i) * sizeof *model);
            return;
        }
}

/* Some starts are added several times, with other sizes; the last one added is removed first. */
Test(program_roots, as_a_list)
{
    uint64_t random = 7;
    heap_free(heap_malloc(1));
    for (size_t step = 0; step < STEPS; step++) {
        uintptr_t start = KIB(64) * (1 + random_below(&random, STARTS));
        if (count < MOST && random_below(&random, 2)) {
            size_t size = 8 * (1 + random_below(&random, 100));
            cr_assert(program_roots_add(start, size));
            model[count++] = (struct entry){start, size};
        } else {
            program_roots_remove(start);
            remove_from_model(start);
        }
        if (step % 64 == 0)
            cr_assert_eq(sum_of_roots(), sum_of_model());
    }
}
