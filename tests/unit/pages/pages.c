/* pages: runs of slots against a model of them; metadata; searches. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "runtime/config/options.h"
#include "runtime/region/index.h"
#include "tests/unit/pages/pages_tests.h"
#include "tests/unit/support.h"

/* --- a model of slots --- */

enum { RUNS = 300, MODEL_SLOTS = 1 << 14 };

typedef struct run {
    uint32_t slot, count;
    size_t use; /* pages */
    uint64_t seed;
} run_t;

static struct {
    uint8_t taken[MODEL_SLOTS];
    run_t runs[RUNS];
    size_t slots, use, huge;
    uint64_t random;
} model;

static void model_set(uint32_t slot, uint32_t count, uint8_t taken)
{
    cr_assert_leq(slot + count, MODEL_SLOTS);
    cr_assert_eq(slot / CHUNK_SLOTS, (slot + count - 1) / CHUNK_SLOTS, "a run lies in one chunk");
    for (uint32_t i = slot; i < slot + count; i++) {
        cr_assert_neq(model.taken[i], taken, "slot %u", i);
        model.taken[i] = taken;
    }
    model.slots += taken ? count : -(size_t)count;
}

static uint64_t *page_word(const run_t *run, size_t page)
{
    return (uint64_t *)(void *)(region_address(run->slot) + page * OS_PAGE);
}

static void run_write(run_t *run, size_t from)
{
    for (size_t page = from; page < run->use; page++)
        *page_word(run, page) = run->seed + page;
}

static void run_check(const run_t *run)
{
    for (size_t page = 0; page < run->use; page++)
        cr_assert_eq(*page_word(run, page), run->seed + page, "slot %u, page %zu", run->slot, page);
}

/* What was not touched before reads as zero. */
static void run_check_fresh(const run_t *run, const uint8_t *before)
{
    for (size_t page = 0; page < run->use; page++)
        if (page % SLOT_PAGES >= before[page / SLOT_PAGES])
            cr_assert_eq(*page_word(run, page), 0, "slot %u, page %zu", run->slot, page);
}

static void model_take(run_t *run)
{
    uint8_t before[CHUNK_SLOTS];
    uint32_t alignment = random_below(&model.random, 4) ? 1 : 1u << random_below(&model.random, 7);
    run->count = 1 + (uint32_t)random_below(&model.random, random_below(&model.random, 3) ? 5 : 32);
    run->use = run->count * SLOT_PAGES - random_below(&model.random, SLOT_PAGES);
    run->seed = random_next(&model.random);
    run->slot = pages_take(run->count, run->use, alignment, before);
    cr_assert_neq(run->slot, 0);
    cr_assert_eq(run->slot % alignment, 0);
    model_set(run->slot, run->count, 1);
    model.use += run->use;
    run_check_fresh(run, before);
    run_write(run, 0);
}

static void model_give(run_t *run)
{
    run_check(run);
    model_set(run->slot, run->count, 0);
    model.use -= run->use;
    pages_give(run->slot, run->count, run->use);
    run->count = 0;
}

static void model_resize(run_t *run)
{
    uint32_t count = 1 + (uint32_t)random_below(&model.random, 32);
    size_t use = count * SLOT_PAGES - random_below(&model.random, SLOT_PAGES), old = run->use;
    run_check(run);
    if (use <= old) {
        if (count < run->count)
            model_set(run->slot + count, run->count - count, 0);
        pages_shrink(run->slot, run->count, run->use, count, use);
    } else if (count < run->count || !pages_extend(run->slot, run->count, run->use, count, use)) {
        return;
    } else if (count > run->count) {
        model_set(run->slot + run->count, count - run->count, 1);
    }
    model.use += use - old;
    run->count = count;
    run->use = use;
    if (use > old)
        run_write(run, old);
}

/* Huge objects take whole chunks in between, and give them back written. */
static void model_huge(void)
{
    size_t size = MIB(2) + random_below(&model.random, MIB(12));
    void *memory = pages_take_huge(&size, SLOT_SIZE, false);
    cr_assert_not_null(memory);
    memset(memory, 0xee, size);
    for (uint32_t slot = region_slot(memory); slot < region_slot(memory) + size / SLOT_SIZE; slot++)
        cr_assert_not(slot < MODEL_SLOTS && model.taken[slot], "slot %u", slot);
    pages_give_huge(memory, size);
}

static void model_check(void)
{
    page_stats_t held = pages_stats();
    cr_assert_eq(held.slots_inuse, model.slots);
    cr_assert_eq(held.pages_inuse, model.use);
    cr_assert_eq(held.huge_inuse, 0);
    cr_assert_geq(held.touched, held.pages_idle);
    cr_assert_leq(held.touched, held.slots * SLOT_PAGES);
    pages_verify();
}

static void model_step(void)
{
    run_t *run = &model.runs[random_below(&model.random, RUNS)];
    if (random_below(&model.random, 50) == 0)
        model_huge();
    else if (!run->count)
        model_take(run);
    else if (random_below(&model.random, 3) == 0)
        model_resize(run);
    else
        model_give(run);
}

static void model_run(int64_t gc_percent, uint64_t seed)
{
    start(gc_percent);
    model.random = seed;
    for (int i = 0; i < 4000; i++) {
        model_step();
        if (i % 16 == 0)
            model_check();
    }
    for (size_t i = 0; i < RUNS; i++)
        if (model.runs[i].count)
            model_give(&model.runs[i]);
    model_check();
    pages_trim(0);
    cr_assert_eq(PAGE_STAT(touched), 0);
}

Test(pages, runs_against_a_model_keeping_everything)
{
    model_run(-1, 1);
}

Test(pages, runs_against_a_model_at_100)
{
    model_run(100, 2);
}

Test(pages, runs_against_a_model_at_10)
{
    model_run(10, 3);
}

Test(pages, runs_against_a_model_keeping_nothing)
{
    model_run(0, 4);
}

/* --- metadata --- */

Test(pages, metadata_is_zeroed_aligned_and_counted)
{
    start(100);
    size_t before = PAGE_STAT(metadata);
    const size_t sizes[] = {1, 64, 100, KIB(200), KIB(200), MIB(3), 16};
    size_t sum = 0;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *p = pages_metadata(sizes[i]);
        cr_assert_not_null(p);
        cr_expect_eq((uintptr_t)p % 64, 0);
        cr_expect(is_zero(p, sizes[i]));
        memset(p, 1, sizes[i]);
        sum += (sizes[i] + 63) / 64 * 64;
    }
    cr_expect_eq(PAGE_STAT(metadata), before + sum);
}

/* Memory that comes again from what was given counts once, and so does fresh memory. */
Test(pages, the_peak_counts_a_huge_object_once)
{
    size_t size = MIB(48);
    start(100);
    for (int i = 0; i < 3; i++) {
        size_t before = pages_peak_held(true);
        void *memory = pages_take_huge(&size, SLOT_SIZE, false);
        cr_assert_not_null(memory);
        cr_expect_leq(pages_peak_held(false), before + size + MIB(3)); /* and the extent allocator's tables */
        pages_give_huge(memory, size);
    }
}

/* A group of chunks in which no run is long enough is not searched again for one of that length, by large
 * objects or by spans. */
Test(pages, a_search_in_vain_is_not_repeated)
{
    enum { COUNT_OF = 2 * INDEX_CHUNKS * CHUNK_SLOTS };
    static uint32_t slots[COUNT_OF];
    static uint8_t before[2];
    start(-1);
    for (uint32_t i = 0; i < COUNT_OF; i++)
        cr_assert_neq(slots[i] = pages_take(1, 1, 1, before), 0);
    for (uint32_t i = 0; i < COUNT_OF; i++)
        if (slots[i] % 2)
            pages_give(slots[i], 1, 1);
    cr_assert_neq(pages_take(2, 17, 1, before), 0);
    for (uint32_t group = 0; group < slots[COUNT_OF - 1] / CHUNK_SLOTS / INDEX_CHUNKS; group++)
        for (uint32_t kind = 0; kind < INDEX_KINDS; kind++)
            cr_expect_lt(index_groups[group].longest[kind], 2, "group %u, %u", group, kind);
    pages_verify();
}
