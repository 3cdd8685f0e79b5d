/* extents: huge objects, through the functions of the pages, under whose lock the extent allocator runs. */
#include <criterion/criterion.h>

#include "runtime/os/os.h"
#include "runtime/region/extents.h"
#include "tests/unit/support.h"

int weir_je_mallctl(const char *name, void *old, size_t *old_size, void *new, size_t new_size);

static void start(void)
{
    heap_free(heap_malloc(1));
    pages_set_gc_percent(-1);
}

static char *take(size_t *size, size_t alignment, bool zeroed)
{
    char *memory = pages_take_huge(size, alignment, zeroed);
    cr_assert_not_null(memory);
    cr_assert(region_owns(memory));
    cr_assert_eq((uintptr_t)memory % alignment, 0);
    return memory;
}

static const size_t sizes[] = {MIB(2), MIB(2) + 1, MIB(3), MIB(4), MIB(5), MIB(9) + 5, MIB(40)};

Test(extents, every_size_at_every_alignment)
{
    start();
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t alignment = SLOT_SIZE; alignment <= MIB(256); alignment *= 2) {
            size_t size = sizes[i];
            char *memory = take(&size, alignment, false);
            cr_assert_geq(size, sizes[i]);
            memory[0] = memory[size - 1] = 1;
            pages_give_huge(memory, size);
        }
    cr_expect_eq(PAGE_STAT(huge_inuse), 0);
    cr_expect_eq(PAGE_STAT(huge_count), 0);
}

Test(extents, zeroed_when_reused)
{
    start();
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int round = 0; round < 2; round++) {
            size_t size = sizes[i];
            char *memory = take(&size, SLOT_SIZE, true);
            cr_assert(is_zero(memory, size), "%zu", size);
            memset(memory, 0xff, size);
            pages_give_huge(memory, size);
        }
}

Test(extents, addresses_are_used_again)
{
    start();
    size_t size = MIB(10);
    pages_give_huge(take(&size, SLOT_SIZE, false), size);
    size_t carved = region.carved;
    for (int i = 0; i < 1000; i++) {
        size = MIB(2) + MIB(1) * (size_t)(i % 7);
        pages_give_huge(take(&size, SLOT_SIZE, false), size);
    }
    cr_expect_eq(region.carved, carved);
}

Test(extents, a_block_grows_into_the_free_one_behind_it)
{
    start();
    size_t size = MIB(16), part = MIB(4);
    char *memory = take(&size, SLOT_SIZE, false);
    pages_give_huge(memory, size);
    char *front = take(&part, SLOT_SIZE, false);
    cr_assert_eq(front, memory);
    memset(front, 7, part);
    size_t grown = pages_extend_huge(front, part, MIB(8));
    cr_assert_geq(grown, MIB(8));
    cr_expect_eq(front[part - 1], 7);
    front[grown - 1] = 1;
    cr_expect_eq(PAGE_STAT(huge_inuse), grown);
    char *behind = take(&(size_t){MIB(4)}, SLOT_SIZE, false);
    if (behind == front + grown)
        cr_expect_eq(pages_extend_huge(front, grown, grown + MIB(1)), 0, "the neighbour is taken");
    pages_give_huge(front, grown);
}

Test(extents, purging_gives_the_memory_back)
{
    start();
    size_t size = MIB(100), before = resident_region();
    char *memory = take(&size, SLOT_SIZE, false);
    memset(memory, 1, size);
    pages_give_huge(memory, size);
    cr_expect_eq(PAGE_STAT(huge_idle), size);
    cr_expect_geq(resident_region(), before + size);
    cr_expect(pages_trim(0));
    cr_expect_eq(PAGE_STAT(huge_idle), 0);
    cr_expect_leq(resident_region(), before + MIB(1));
}

Test(extents, more_than_there_is)
{
    start();
    const size_t wanted[] = {region.size, region.size * 2, PTRDIFF_MAX, SIZE_MAX - MIB(4), SIZE_MAX};
    for (size_t i = 0; i < COUNT(wanted); i++)
        cr_expect_null(pages_take_huge(&(size_t){wanted[i]}, SLOT_SIZE, false), "%zu", wanted[i]);
    cr_expect_eq(PAGE_STAT(huge_inuse), 0);
}

/* All threads at once, while the extent allocator is asleep: none may be refused because another one is
 * waking it. */
static pthread_barrier_t barrier;

static void take_first(size_t number)
{
    (void)number;
    pthread_barrier_wait(&barrier);
    char *p = heap_malloc(MIB(3));
    CHECK(p != NULL);
    p[0] = 1;
    heap_free(p);
}

Test(extents, woken_by_many_at_once)
{
    start();
    cr_assert_not(extents_is_awake());
    pthread_barrier_init(&barrier, NULL, 8);
    threads_run(8, take_first);
    cr_expect(extents_is_awake());
}

Test(extents, options_for_another_jemalloc_have_no_effect)
{
    setenv("MALLOC_CONF", "narenas:7,dirty_decay_ms:0,zero:true,abort_conf:true,retain:false,nonsense:1", 1);
    start();
    pages_give_huge(take(&(size_t){MIB(3)}, SLOT_SIZE, false), MIB(3));
    unsigned arenas = 0;
    bool zero = true, retain = false;
    ssize_t decay = 0;
    cr_assert_eq(weir_je_mallctl("opt.narenas", &arenas, &(size_t){sizeof arenas}, NULL, 0), 0);
    cr_assert_eq(weir_je_mallctl("opt.zero", &zero, &(size_t){sizeof zero}, NULL, 0), 0);
    cr_assert_eq(weir_je_mallctl("opt.retain", &retain, &(size_t){sizeof retain}, NULL, 0), 0);
    cr_assert_eq(weir_je_mallctl("opt.dirty_decay_ms", &decay, &(size_t){sizeof decay}, NULL, 0), 0);
    cr_expect_eq(arenas, 1);
    cr_expect_not(zero);
    cr_expect(retain);
    cr_expect_eq(decay, -1);
}
