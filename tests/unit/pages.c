/* pages: runs of slots against a model of them; what is held idle; the limits; the page_stats. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/options.h"
#include "runtime/pages/index.h"
#include "runtime/pages/release.h"
#include "tests/unit/support.h"

static void start(int64_t gc_percent)
{
    heap_free(heap_malloc(1));
    heap_trim(0);
    pages_set_gc_percent(gc_percent);
}

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

/* Huge objects take chunks' addresses in between, and hand them back written. */
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

/* --- whole blocks of slots, to fill and to empty --- */

enum { BLOCK = 16 /* slots: 1 MiB */, BLOCKS = 256 };
static uint32_t blocks[BLOCKS];

/* As the heap does: what is refused is tried again after a cycle. */
static uint32_t take_twice(uint8_t *before)
{
    uint32_t slot = pages_take(BLOCK, BLOCK * SLOT_PAGES, 1, before);
    if (slot)
        return slot;
    pages_cycle_done();
    pages_retry_begins();
    slot = pages_take(BLOCK, BLOCK * SLOT_PAGES, 1, before);
    pages_retry_ends();
    return slot;
}

static uint32_t block_take(void)
{
    uint8_t before[BLOCK];
    uint32_t slot = take_twice(before);
    if (slot)
        memset(region_address(slot), 1, BLOCK * SLOT_SIZE);
    return slot;
}

static void block_give(uint32_t *slot)
{
    if (*slot)
        pages_give(*slot, BLOCK, BLOCK * SLOT_PAGES);
    *slot = 0;
}

static void blocks_take(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = block_take();
        cr_assert_neq(blocks[i], 0);
    }
}

static size_t idle_of(const page_stats_t *held)
{
    return held->pages_idle * OS_PAGE + held->huge_idle;
}

static size_t held_of(const page_stats_t *held)
{
    return idle_of(held) + held->pages_inuse * OS_PAGE + held->huge_inuse;
}

static size_t idle_allowed(const page_stats_t *held, int64_t gc_percent)
{
    size_t inuse = held->pages_inuse * OS_PAGE + held->huge_inuse;
    size_t bound = (inuse > MIB(16) ? inuse : MIB(16)) * (size_t)gc_percent / 100;
    return bound + (bound / 16 > KIB(256) ? bound / 16 : KIB(256));
}

static void check_idle_rule(int64_t gc_percent)
{
    start(gc_percent);
    blocks_take(BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++) {
        block_give(&blocks[i * 37 % BLOCKS]);
        page_stats_t held = pages_stats();
        cr_assert_leq(idle_of(&held), idle_allowed(&held, gc_percent), "%ld %%: %zu idle", (long)gc_percent,
                      idle_of(&held));
    }
    page_stats_t held = pages_stats();
    cr_expect_leq(resident_region(), idle_of(&held) + MIB(1), "the kernel agrees");
    pages_verify();
}

Test(pages, idle_rule_at_0)
{
    check_idle_rule(0);
}

Test(pages, idle_rule_at_10)
{
    check_idle_rule(10);
}

Test(pages, idle_rule_at_100)
{
    check_idle_rule(100);
}

Test(pages, nothing_is_released_when_off)
{
    start(-1);
    size_t before = PAGE_STAT(released_pages);
    blocks_take(BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        block_give(&blocks[i]);
    page_stats_t held = pages_stats();
    cr_expect_eq(held.released_pages, before);
    cr_expect_geq(idle_of(&held), MIB(BLOCKS));
    cr_expect(pages_trim(0));
    held = pages_stats();
    cr_expect_eq(idle_of(&held), 0);
    cr_expect_not(pages_trim(0));
}

/* What comes back is held: each page was released and faulted in again at each breath. */
Test(pages, a_heap_that_breathes_is_not_released_each_time)
{
    enum { BREATHS = 20, AMPLITUDE = 200 };
    start(100);
    uint64_t began = os_now_ns();
    for (int breath = 0; breath < BREATHS; breath++) {
        blocks_take(AMPLITUDE);
        for (size_t i = 0; i < AMPLITUDE; i++)
            block_give(&blocks[i]);
    }
    size_t faded = (os_now_ns() - began) / RELEASE_FADE_NS;
    size_t released = PAGE_STAT(released_pages) * OS_PAGE;
    cr_expect_leq(released, MIB(AMPLITUDE) + 2 * faded + MIB(BREATHS), "%zu MiB", released >> 20);
    pages_trim(0);
    page_stats_t held = pages_stats();
    cr_expect_eq(idle_of(&held), 0, "who asks for all gets all");
}

static bool is_zero_pages(const char *p, size_t size)
{
    for (size_t at = 0; at < size; at += OS_PAGE)
        if (!is_zero(p + at, OS_PAGE))
            return false;
    return true;
}

/* It once gave back all that the extent allocator held. */
Test(pages, no_more_huge_memory_is_released_than_exceeds_the_rule)
{
    enum { BIG = 5 };
    size_t sizes[BIG];
    char *memory[BIG];
    start(100);
    for (size_t i = 0; i < BIG; i++) {
        sizes[i] = MIB(24);
        memory[i] = pages_take_huge(&sizes[i], SLOT_SIZE, false);
        memset(memory[i], 1, sizes[i]);
    }
    for (size_t i = 2; i < BIG; i++) /* 48 MiB stay in use, 72 are idle */
        pages_give_huge(memory[i], sizes[i]);
    page_stats_t held = pages_stats();
    cr_expect_leq(idle_of(&held), idle_allowed(&held, 100));
    cr_expect_geq(idle_of(&held), MIB(48 - CHUNK_SIZE / MIB(1)));
    for (size_t i = 2; i < BIG; i++) { /* partly released, partly written: all of it has to be zero */
        memory[i] = pages_take_huge(&sizes[i], SLOT_SIZE, true);
        cr_expect(is_zero_pages(memory[i], sizes[i]));
    }
    pages_verify();
}

/* A burst that leaves its spans half empty may hold that much less in free slots. */
Test(pages, free_cells_count_as_idle)
{
    enum { CELLS = 400 * 1000 };
    static void *cells[CELLS];
    start(100);
    for (size_t i = 0; i < CELLS; i++)
        cells[i] = heap_malloc(512);
    for (size_t i = 0; i < CELLS / 2; i += 2) /* 50 MiB of free cells among 150 MiB live */
        heap_free(cells[i]);
    blocks_take(BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        block_give(&blocks[i]);
    page_stats_t held = pages_stats();
    size_t bound = MIB(100);
    cr_expect_leq(idle_of(&held), bound + bound / 8, "%zu idle", idle_of(&held));
    cr_expect_geq(idle_of(&held), bound / 8 * 6, "%zu idle", idle_of(&held));
}

/* --- limits --- */

Test(pages, the_soft_limit_releases_before_it_is_passed)
{
    start(-1);
    blocks_take(40);
    for (size_t i = 0; i < 40; i++)
        block_give(&blocks[i]);
    set_limits((int64_t)MIB(48), INT64_MAX);
    for (size_t i = 0; i < 7; i++) {
        size_t size = MIB(6);
        cr_assert_not_null(pages_take_huge(&size, SLOT_SIZE, false));
        page_stats_t held = pages_stats();
        cr_assert_leq(held_of(&held), MIB(48), "after %zu", i + 1);
        cr_assert_not(pages_is_pressed());
    }
    cr_expect_gt(PAGE_STAT(limit_releases), 0);
    blocks_take(20);
    cr_expect(pages_is_pressed(), "over the soft limit, and nothing idle is left");
    cr_expect_eq(PAGE_STAT(refusals), 0);
}

static struct {
    int calls;
    size_t wanted;
} refused;

static void on_refusal(void *context, size_t wanted)
{
    refused.calls++;
    refused.wanted = wanted;
    block_give(context);
    errno = 0;
}

Test(pages, the_hard_limit_refuses)
{
    start(100);
    set_limits(INT64_MAX, (int64_t)MIB(16));
    size_t count = 0;
    while ((blocks[count] = block_take()) != 0)
        cr_assert_lt(++count, 17);
    cr_expect_eq(errno, ENOMEM);
    cr_expect_geq(count, 14);
    cr_expect_eq(PAGE_STAT(refusals), 1);
    size_t size = MIB(8);
    errno = 0;
    cr_expect_null(pages_take_huge(&size, SLOT_SIZE, false));
    cr_expect_eq(errno, ENOMEM);
    cr_expect_eq(pages_requested, PAGES_REQUEST_LIMIT);
    cr_expect_eq(PAGE_STAT(refusals), 1, "not before a cycle has been run");
    pages_retry_begins();
    cr_expect_null(pages_take_huge(&size, SLOT_SIZE, false));
    pages_retry_ends();
    cr_expect_eq(PAGE_STAT(refusals), 2);
    set_limits(INT64_MAX, INT64_MAX);
    cr_expect_neq(block_take(), 0);
    pages_verify();
}

Test(pages, the_program_is_asked_once_and_may_make_room)
{
    start(100);
    set_limits(INT64_MAX, (int64_t)MIB(16));
    size_t count = 0;
    while ((blocks[count] = block_take()) != 0)
        count++;
    pages_set_refusal_callback(on_refusal, &blocks[0]);
    cr_expect_neq(block_take(), 0, "the callback freed a block");
    cr_expect_eq(refused.calls, 1);
    cr_expect_eq(refused.wanted, MIB(1));
    cr_expect_eq(block_take(), 0, "now it had none to free");
    cr_expect_eq(errno, ENOMEM);
    cr_expect_eq(refused.calls, 2);
    pages_verify();
}

Test(pages, idle_huge_memory_counts_against_the_limits)
{
    enum { COUNT_OF = 40 };
    void *memory[COUNT_OF];
    size_t sizes[COUNT_OF];
    start(-1);
    for (size_t i = 0; i < COUNT_OF; i++) {
        memory[i] = pages_take_huge(&(size_t){sizes[i] = MIB(3)}, SLOT_SIZE, false);
        memset(memory[i], 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT_OF; i += 2) /* holes that no larger block fits into */
        pages_give_huge(memory[i], sizes[i]);
    set_limits((int64_t)MIB(160), INT64_MAX);
    for (size_t i = 0; i < 7; i++) {
        size_t size = MIB(12);
        cr_assert_not_null(pages_take_huge(&size, SLOT_SIZE, false));
        page_stats_t held = pages_stats();
        cr_assert_leq(held_of(&held), MIB(160), "after %zu", i + 1);
    }
}

/* --- huge pages --- */

static size_t anon_huge_bytes(void)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "AnonHugePages: %zu kB", &kib) != 1)
        ;
    if (file)
        fclose(file);
    return KIB(kib);
}

static bool may_have_huge_pages(void)
{
    char setting[64] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    if (file && !fgets(setting, sizeof setting, file))
        setting[0] = 0;
    if (file)
        fclose(file);
    return strstr(setting, "[madvise]") || strstr(setting, "[always]");
}

/* Take slots one at a time, as small spans do, and write them. */
static void grow(size_t slots)
{
    for (size_t i = 0; i < slots; i++) {
        uint32_t slot = pages_take_span(true);
        cr_assert_neq(slot, 0);
        pages_touch(span_of_slot(slot), SLOT_PAGES);
        memset(region_address(slot), 1, SLOT_SIZE);
        pages_verify();
    }
}

Test(pages, a_grown_heap_takes_huge_pages)
{
    start(100);
    grow(MIB(24) / SLOT_SIZE);
    size_t touched = PAGE_STAT(touched), released = PAGE_STAT(released_pages);
    cr_expect_eq(touched, MIB(24) / OS_PAGE, "a small one does not");
    grow(100);
    page_stats_t held = pages_stats();
    cr_expect_eq(held.touched % (OS_HUGE_PAGE / OS_PAGE), 0);
    cr_expect_leq(held.pages_idle, OS_HUGE_PAGE / OS_PAGE, "no more than the rest of one");
    cr_expect_eq(held.released_pages, released);
    if (!SANITIZED)
        cr_expect_leq(resident_region(), held.touched * OS_PAGE + MIB(1));
    cr_expect(anon_huge_bytes() > 0 || !may_have_huge_pages());
    grow(1);
    uint8_t before;
    size_t idle = PAGE_STAT(pages_idle);
    cr_expect_gt(idle, 0);
    uint32_t slot = pages_take(1, 9, 1, &before);
    cr_expect_eq(before, 0, "a large object has other slots, of which the rest is not resident");
    cr_expect(is_zero_pages(region_address(slot), SLOT_SIZE));
    cr_expect_eq(PAGE_STAT(pages_idle), idle);
    pages_verify();
}

Test(pages, not_when_told_not_to_and_not_where_it_does_not_pay)
{
    start(100);
    options.hugepages = 0;
    grow(MIB(30) / SLOT_SIZE);
    options.hugepages = 1;
    pages_set_gc_percent(10);
    grow(16);
    pages_set_gc_percent(100);
    set_limits((int64_t)MIB(60), INT64_MAX);
    grow(16);
    cr_expect_eq(PAGE_STAT(touched), (MIB(30) + 32 * SLOT_SIZE) / OS_PAGE);
    set_limits(INT64_MAX, INT64_MAX);
    grow(65);
    cr_expect_gt(PAGE_STAT(pages_idle), 0);
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

/* The sanitizers answer mlock themselves, and do nothing. */
static long lock_memory(const void *start, size_t size)
{
    return syscall(SYS_mlock, start, size);
}

static long unlock_memory(const void *start, size_t size)
{
    return syscall(SYS_munlock, start, size);
}

/* Locked memory cannot be released: it stays, what lies around it goes, and it goes too once it is no longer
 * locked. */
Test(pages, locked_memory_holds_back_itself_alone)
{
    enum { OBJECTS = 60000 };
    static char *objects[OBJECTS];
    start(-1);
    size_t before = resident_region();
    for (size_t i = 0; i < OBJECTS; i++)
        memset(objects[i] = heap_malloc(1000), 1, 1000);
    char *locked[] = {objects[OBJECTS / 3], objects[OBJECTS - 1]}, *large = heap_malloc(KIB(300));
    memset(large, 1, KIB(300));
    if (lock_memory(locked[0], 1) != 0 || lock_memory(locked[1], 1) != 0 || lock_memory(large, KIB(100)) != 0)
        cr_skip_test("nothing may be locked");
    heap_free(large);
    for (size_t i = 0; i < OBJECTS; i++)
        heap_free(objects[i]);
    cr_expect(heap_trim(0));
    cr_expect_leq(resident_region(), before + MIB(2));
    cr_expect_gt(PAGE_STAT(pages_idle), 0);
    pages_verify();
    unlock_memory(locked[0], 1);
    unlock_memory(locked[1], 1);
    unlock_memory(large, KIB(100));
    cr_expect(pages_trim(0));
    cr_expect_eq(PAGE_STAT(pages_idle), 0);
    pages_verify();
}

/* Large objects and spans alike: a group of chunks in which no run is long enough is not searched for one
 * again. */
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

/* --- the kernel refuses to commit --- */

Test(commitment, what_was_freed_can_be_had_again_where_data_is_limited)
{
    data_can_be_had_again();
}

/* Where there is no memory other addresses would not help. */
Test(commitment, a_refusal_uses_up_no_addresses)
{
    if (SANITIZED)
        return;
    start(100);
    limit_data(MIB(64));
    size_t count = fill_to_the_end_and_free(MIB(3)), carved = 0;
    for (int i = 0; i < 100; i++) {
        size_t now = fill_to_the_end_and_free(MIB(3));
        cr_expect_geq(now * 5, count * 4, "%zu, and %zu at first", now, count);
        cr_expect_null(heap_malloc(MIB(200)));
        carved = i == 0 ? region.carved : carved;
    }
    cr_expect_eq(region.carved, carved);
    pages_verify();
}

Test(commitment, a_run_without_commitment_is_taken_again)
{
    enum { RUN = 8, TAKEN = 200 };
    uint8_t before[CHUNK_SLOTS];
    uint32_t slots[TAKEN];
    start(100);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < TAKEN; i++) {
            slots[i] = pages_take(RUN, RUN * SLOT_PAGES, 1, before);
            cr_assert_neq(slots[i], 0);
            for (size_t page = 0; page < RUN * SLOT_PAGES; page++) {
                volatile char *at = region_address(slots[i]) + page * OS_PAGE;
                cr_assert(page % SLOT_PAGES < before[page / SLOT_PAGES] || *at == 0);
                *at = 1;
            }
        }
        for (size_t i = 0; i < TAKEN; i++)
            if (i % 3 == (size_t)round) {
                pages_give(slots[i], RUN, RUN * SLOT_PAGES);
            } else {
                cr_assert(region_decommit(region_address(slots[i]), RUN * SLOT_SIZE));
                pages_give_uncommitted(slots[i], RUN, RUN * SLOT_PAGES);
            }
        pages_verify();
        if (round == 1)
            pages_make_room();
        pages_verify();
    }
}

Test(commitment, a_huge_object_without_commitment_is_taken_again)
{
    enum { TAKEN = 20 };
    char *p[TAKEN];
    size_t size[TAKEN];
    start(100);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < TAKEN; i++) {
            size[i] = MIB(3 + i % 5);
            cr_assert_not_null(p[i] = pages_take_huge(&size[i], SLOT_SIZE, true));
            cr_assert(is_zero(p[i], size[i]));
            memset(p[i], 1, size[i]);
        }
        for (size_t i = 0; i < TAKEN; i++)
            if (i % 2) {
                pages_give_huge(p[i], size[i]);
            } else {
                cr_assert(region_decommit(p[i], size[i]));
                pages_give_huge_uncommitted(p[i], size[i]);
            }
        pages_verify();
    }
}
