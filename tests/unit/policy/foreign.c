/* foreign: memory that is not the runtime's: the estimate, on simulated readings, and how the limit counts it
 * in this process. */
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <weir/control.h>
#include <weir/stats.h>

#include "runtime/base/filter.h"
#include "runtime/policy/foreign.h"
#include "runtime/process/memory_size.h"
#include "runtime/process/resident.h"
#include "tests/unit/support.h"

enum { STEP = 1 << 20, READING_NS = 4 * 1000 * 1000 };

/* --- arithmetic --- */

static foreign_t estimate;
static uint64_t now_ns = 1000;

static size_t reading(size_t resident, size_t held)
{
    foreign_note(&estimate, resident, held, STEP, now_ns);
    now_ns += READING_NS;
    return estimate.bytes;
}

static size_t readings(size_t resident, size_t held, uint64_t ns)
{
    for (uint64_t end = now_ns + ns; now_ns < end;)
        reading(resident, held);
    return estimate.bytes;
}

Test(foreign, what_is_taken_shows_in_the_next_reading)
{
    cr_expect_eq(reading(MIB(10), MIB(10)), 0);
    cr_expect_eq(reading(MIB(30), MIB(10)), MIB(20));
    cr_expect_eq(reading(MIB(30) + 1, MIB(10)), MIB(21), "rounded up");
    cr_expect_eq(estimate.resident, MIB(30) + 1);
}

Test(foreign, and_what_was_given_back_half_a_second_later)
{
    reading(MIB(210), MIB(10));
    cr_expect_eq(readings(MIB(20), MIB(10), FOREIGN_WINDOW_NS / 2), MIB(200));
    cr_expect_eq(readings(MIB(20), MIB(10), 2 * (uint64_t)FOREIGN_WINDOW_NS), MIB(10));
}

Test(foreign, a_block_that_is_not_written_yet_makes_no_room)
{
    readings(MIB(210), MIB(10), FOREIGN_WINDOW_NS);
    cr_expect_eq(readings(MIB(210), MIB(110), FOREIGN_WINDOW_NS / 2), MIB(200), "allocated");
    cr_expect_eq(reading(MIB(310), MIB(110)), MIB(200), "written");
    cr_expect_eq(readings(MIB(310), MIB(210), 3 * (uint64_t)FOREIGN_WINDOW_NS), MIB(100),
                 "never: what is resident is what counts");
}

Test(foreign, more_held_than_resident_is_nothing)
{
    cr_expect_eq(readings(MIB(10), MIB(100), FOREIGN_WINDOW_NS), 0);
}

Test(foreign, noise_moves_nothing)
{
    uint64_t random = 3;
    reading(MIB(110), MIB(10));
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(reading(MIB(110) - random_below(&random, 2 * STEP), MIB(10)), MIB(100));
}

/* For any readings: highest difference in a window <= estimate < highest in two windows + 2 steps. */
Test(foreign, it_stays_within_two_steps)
{
    enum { READINGS = 100000, WINDOW = FOREIGN_WINDOW_NS / READING_NS };
    static size_t differences[READINGS];
    uint64_t random = 11;
    size_t resident = MIB(300), held = MIB(100);
    for (size_t i = 0; i < READINGS; i++) {
        if (random_below(&random, 50) == 0)
            resident = random_below(&random, MIB(1000));
        held = random_below(&random, 4) ? held : random_below(&random, MIB(500));
        differences[i] = resident > held ? resident - held : 0;
        size_t bytes = reading(resident, held), lately = 0, window = 0;
        for (size_t back = 0; back <= i && back <= 2 * WINDOW + 2; back++) {
            size_t difference = differences[i - back];
            window = difference > window ? difference : window;
            if (back < WINDOW)
                lately = window;
        }
        cr_assert_geq(bytes, lately);
        cr_assert_lt(bytes, window + 2 * STEP);
    }
}

Test(foreign, a_long_pause_forgets)
{
    reading(MIB(500), 0);
    now_ns += 10 * (uint64_t)FOREIGN_WINDOW_NS;
    cr_expect_eq(reading(MIB(20), MIB(10)), MIB(10));
}

/* --- the kernel's file --- */

Test(foreign, the_file_is_taken_for_what_it_is_or_not_at_all)
{
    size_t bytes = 1;
    cr_expect(resident_parse("9999 300 100 1 0 50 0\n", &bytes));
    cr_expect_eq(bytes, 200 * OS_PAGE);
    cr_expect(resident_parse("1 2 3 4 5 6 7\n", &bytes));
    cr_expect_eq(bytes, 0, "%zu: more shared than resident, by late counting", bytes);
    static const char *const others[] = {"",
                                         "\n",
                                         "1 2 3 4 5 6\n",
                                         "1 2 3 4 5 6 7 8\n",
                                         "1 2 3 4 5 6 7\nx",
                                         "1 -2 3 4 5 6 7\n",
                                         " 1 2 3 4 5 6 7\n",
                                         "max\n",
                                         "1 2 3 4 5 6 7"};
    for (size_t i = 0; i < COUNT(others); i++)
        cr_expect_not(resident_parse(others[i], &bytes), "%s", others[i]);
}

static char *map_written(size_t size)
{
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    memset(memory, 1, size);
    return memory;
}

static size_t resident(void)
{
    size_t bytes = 0;
    cr_assert(resident_open());
    cr_assert(resident_read(&bytes));
    return bytes;
}

/* Within 2 MiB: others than this test have memory, too, and the kernel counts late. */
Test(foreign, private_mappings_are_read)
{
    size_t before = resident();
    char *memory = map_written(MIB(64));
    cr_expect_geq(resident(), before + MIB(62));
    munmap(memory, MIB(64));
    cr_expect_leq(resident(), before + MIB(2));
}

Test(foreign, a_child_reads_its_own)
{
    resident();
    char *memory = map_written(MIB(64));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        munmap(memory, MIB(64));
        resident_after_fork_child();
        size_t bytes = 0;
        _exit(resident_read(&bytes) && bytes < MIB(48) + (SANITIZED ? MIB(4096) : 0) ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
}

Test(foreign, nothing_is_read_behind_a_filter)
{
    size_t bytes;
    resident();
    filter_give_up(FILTER_PROC);
    cr_expect_not(resident_read(&bytes));
}

/* --- under a limit --- */

/* There is a reading every few milliseconds: allocate until it shows. */
static void allocate_until(bool (*shows)(size_t), size_t bytes)
{
    while (!shows(bytes)) {
        heap_free(heap_malloc(MIB(1)));
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
}

static bool has_room_at_most(size_t bytes)
{
    return pages_soft_room() <= (int64_t)bytes;
}

static bool has_room_at_least(size_t bytes)
{
    return pages_soft_room() >= (int64_t)bytes;
}

static weir_mem_stats account(void)
{
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    return stats;
}

Test(foreign, what_others_map_is_taken_off_the_room_and_given_back)
{
    heap_free(heap_malloc(1));
    size_t limit = resident() + MIB(400);
    weir_set_memory_limit((int64_t)limit);
    cr_expect_eq(pages_soft_room(), (int64_t)limit, "the tests' scope");
    cr_expect_eq(account().process_resident, 0);
    cr_expect_eq(weir_set_memory_limit_scope(WEIR_SCOPE_PROCESS), WEIR_SCOPE_WEIR);
    int64_t before = pages_soft_room();
    cr_expect_lt(before, (int64_t)limit);
    char *memory = map_written(MIB(200));
    allocate_until(has_room_at_most, (size_t)before - MIB(190));
    weir_mem_stats stats = account();
    cr_expect_geq(stats.foreign_bytes, MIB(195));
    cr_expect_geq(stats.process_resident, stats.foreign_bytes);
    munmap(memory, MIB(200));
    allocate_until(has_room_at_least, (size_t)before - MIB(20));
    cr_expect_eq(weir_set_memory_limit(-1), (int64_t)limit, "the limit itself is what it was");
    cr_expect_eq(weir_set_memory_limit_scope(WEIR_SCOPE_WEIR), WEIR_SCOPE_PROCESS);
    cr_expect_eq(pages_soft_room(), (int64_t)limit);
    cr_expect_eq(account().process_resident, 0);
}

static bool is_idle_at_most(size_t bytes)
{
    return PAGE_STAT(pages_idle) * OS_PAGE + PAGE_STAT(huge_idle) <= bytes;
}

/* The heap stays flat and takes no fresh memory; its idle memory is released all the same. */
Test(foreign, idle_memory_makes_room_for_others)
{
    enum { BLOCK = 1000 * 1000, BLOCKS = 100 };
    static void *blocks[BLOCKS];
    weir_set_gc_percent(WEIR_GC_OFF);
    for (size_t i = 0; i < BLOCKS; i++)
        memset(blocks[i] = heap_malloc(BLOCK), 1, BLOCK);
    weir_set_memory_limit((int64_t)(resident() + MIB(50)));
    weir_set_memory_limit_scope(WEIR_SCOPE_PROCESS);
    for (size_t i = 0; i < BLOCKS; i++)
        heap_free(blocks[i]);
    cr_expect_not(is_idle_at_most(MIB(80)), "it is kept as long as there is room");
    map_written(MIB(100));
    allocate_until(is_idle_at_most, MIB(60));
    verify_own();
    pages_verify();
}

/* --- a share of the memory there is --- */

static char group_file[512];

static void resize_group(size_t bytes)
{
    FILE *file = fopen(group_file, "w");
    cr_assert_not_null(file);
    fprintf(file, "%zu\n", bytes);
    fclose(file);
}

static bool limit_is(size_t bytes)
{
    return pages_soft_limit() == (int64_t)bytes;
}

static bool hard_limit_is(size_t bytes)
{
    return pages_hard_limit() == (int64_t)bytes;
}

Test(foreign, a_share_follows_the_group_until_the_limit_is_set)
{
    char root[] = "/tmp/weir-unit.XXXXXX", path[512];
    cr_assert_not_null(mkdtemp(root));
    snprintf(path, sizeof path, "mkdir -p %s/proc/self %s/sys/fs/cgroup && echo 0::/ >%s/proc/self/cgroup",
             root, root, root);
    cr_assert_eq(system(path), 0);
    snprintf(group_file, sizeof group_file, "%s/sys/fs/cgroup/memory.max", root);
    resize_group(MIB(1000));
    heap_free(heap_malloc(1));
    set_limits((int64_t)MIB(64), (int64_t)MIB(64));
    pages_follow_memory(50, 80);
    memory_size_watch(root);
    allocate_until(limit_is, MIB(500));
    cr_expect_eq(pages_hard_limit(), (int64_t)MIB(800));
    resize_group(MIB(300));
    allocate_until(limit_is, MIB(150));
    cr_expect_eq(pages_hard_limit(), (int64_t)MIB(240));
    weir_set_memory_limit((int64_t)MIB(333));
    resize_group(MIB(600));
    allocate_until(hard_limit_is, MIB(480));
    cr_expect_eq(weir_set_memory_limit(-1), (int64_t)MIB(333), "it no longer follows");
    snprintf(path, sizeof path, "rm -r %s", root);
    cr_expect_eq(system(path), 0);
}

/* --- a program that does not allocate --- */

Test(foreign, a_tick_reads_what_others_hold)
{
    heap_free(heap_malloc(1));
    weir_set_memory_limit((int64_t)(resident() + MIB(400)));
    weir_set_memory_limit_scope(WEIR_SCOPE_PROCESS);
    int64_t before = pages_soft_room();
    map_written(MIB(100));
    while (pages_soft_room() > before - (int64_t)MIB(90)) {
        weir_tick();
        os_yield();
    }
}

static void *fill_cache_and_idle(void *argument)
{
    static void *blocks[10000];
    for (size_t i = 0; i < COUNT(blocks); i++)
        blocks[i] = heap_malloc(100 + i % 3000);
    for (size_t i = 0; i < COUNT(blocks); i++)
        heap_free(blocks[i]);
    size_t before = pages_inuse();
    weir_thread_idle();
    CHECK(pages_inuse() + MIB(1) < before || before < MIB(2), "%zu of %zu", pages_inuse(), before);
    verify_own();
    heap_free(heap_malloc(100));
    return argument;
}

Test(foreign, a_thread_that_waits_gives_back_what_it_caches)
{
    pthread_t thread;
    weir_thread_idle(); /* it has no heap yet */
    cr_assert_eq(pthread_create(&thread, NULL, fill_cache_and_idle, NULL), 0);
    pthread_join(thread, NULL);
}
