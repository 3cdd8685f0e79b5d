/* concurrent_young: traces that go on from the marks of the last one. WEIR_DEBUG=gcyoung=always: each is young
 * where that is possible, except for every eighth. The second tracer checks each of them. */
#include <criterion/criterion.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/control.h>
#include <weir/gc.h>
#include <weir/heap.h>
#include <weir/stats.h>
#include <weir/weak.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected_span.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/cycle/gc_state.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/gc/cycle/watch.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/whole/concurrent_tests.h"

static void begin_young(void)
{
    begin();
    options.gcyoung = OPTIONS_YOUNG_ALWAYS;
    weir_set_gc_percent(WEIR_GC_OFF);
}

__attribute__((always_inline)) static inline void collect_young(void)
{
    collect();
    cr_assert(trace_last()->young);
}

__attribute__((always_inline)) static inline void collect_full(void)
{
    options.gcyoung = OPTIONS_YOUNG_OFF;
    collect();
    options.gcyoung = OPTIONS_YOUNG_ALWAYS;
    cr_assert_not(trace_last()->young);
}

/* A full trace whose marks stay. */
__attribute__((always_inline)) static inline void collect_first(void)
{
    do
        collect();
    while (trace_last()->young);
    cr_assert(trace_last()->keeps_marks && watch_is_kept());
}

/* --- what lives --- */

Test(concurrent_young, what_old_objects_are_made_to_hold_stays, .init = begin_young)
{
    places_make();
    collect_first();
    objects_make();
    collect_young();
    check_moved();
    move_all();
    collect_young();
    check_moved();
}

__attribute__((noinline)) static void objects_put_by_kernel(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        void *object = object_new((uint64_t)i);
        struct iovec from = {&object, sizeof object}, to = {places[i], sizeof object};
        moved[i] = hide(object);
        CHECK(process_vm_writev(getpid(), &from, 1, &to, 1, 0) == (ssize_t)sizeof object);
    }
}

Test(concurrent_young, what_the_kernel_writes_stays, .init = begin_young)
{
    places_make();
    collect_first();
    objects_put_by_kernel();
    collect_young();
    check_moved();
}

/* The old half of each pair is freed by hand. What is allocated in its cell is new, and what it points to is
 * found through it alone. */
enum { CELLS = 2000 };
static void **cells[CELLS];

__attribute__((noinline)) static void cells_make(int from, int step)
{
    for (int i = from; i < CELLS; i += step)
        cells[i] = weir_gc_alloc(64);
}

static void cells_free_half(void)
{
    for (int i = 0; i < CELLS; i += 2) {
        weir_gc_free(cells[i]);
        cells[i] = NULL;
    }
}

__attribute__((noinline)) static void cells_fill(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        cells[2 * i][i % 8] = object_new((uint64_t)i);
        moved[i] = hide(cells[2 * i][i % 8]);
    }
}

Test(concurrent_young, a_new_object_in_an_old_cell_is_scanned, .init = begin_young)
{
    cells_make(0, 1);
    collect_first();
    cells_free_half();
    cells_make(0, 2);
    cells_fill();
    collect_young();
    check_moved();
    collect_young();
    check_moved();
}

/* Memory that was watched as an object becomes other objects, and malloc's. */
enum { LARGE = 30 };
static void **old_large[LARGE], **new_large[3 * LARGE];

Test(concurrent_young, memory_of_an_old_object_may_become_anything, .init = begin_young)
{
    for (int i = 0; i < LARGE; i++)
        old_large[i] = weir_gc_alloc((size_t)4 * SLOT_SIZE);
    collect_first();
    for (int i = 0; i < LARGE; i++) {
        weir_gc_free(old_large[i]);
        old_large[i] = NULL;
    }
    for (int i = 0; i < 3 * LARGE; i++)
        new_large[i] = i % 3 == 2 ? NULL : weir_gc_alloc((size_t)(1 + i % 3) * SLOT_SIZE);
    for (int i = 2; i < 3 * LARGE; i += 3)
        memset(weir_malloc(SLOT_SIZE), 1, SLOT_SIZE);
    collect_young();
    for (int i = 0; i < PLACES / 2; i++) {
        int place = i + i / 2; /* not a multiple of three, plus two */
        new_large[place][i] = object_new((uint64_t)i);
        moved[i] = hide(new_large[place][i]);
    }
    collect_young();
    check_moved();
}

/* --- what dies --- */

static void *old_root;
static hidden_t old_garbage, new_garbage;

__attribute__((noinline)) static void *make_hidden(hidden_t *hidden, size_t size)
{
    void *object = weir_gc_alloc(size);
    *hidden = hide(object);
    return object;
}

/* What is left in a thread's buffers when a trace ends counts as old. */
__attribute__((noinline)) static void leave_buffers(void)
{
    for (int i = 0; i < 1000; i++) {
        weir_gc_alloc(48);
        weir_gc_alloc(64);
        weir_gc_alloc(5000);
    }
}

static void check_deaths(size_t size)
{
    old_root = make_hidden(&old_garbage, size);
    collect_first();
    old_root = NULL;
    leave_buffers();
    make_hidden(&new_garbage, size);
    collect_young();
    cr_expect_not(is_alive(new_garbage));
    cr_expect(is_alive(old_garbage));
    collect_full();
    cr_expect_not(is_alive(old_garbage));
}

Test(concurrent_young, new_garbage_is_freed_and_old_garbage_by_the_next_full_trace, .init = begin_young)
{
    check_deaths(48);
    check_deaths(5000);
    check_deaths(300000);
}

static weir_weak *weak_old, *weak_new;

__attribute__((noinline)) static void weak_make(weir_weak **weak, bool rooted)
{
    void *object = weir_gc_alloc(64);
    *weak = weir_weak_new(object);
    if (rooted)
        old_root = object;
}

Test(concurrent_young, weak_references_to_new_garbage_are_cleared, .init = begin_young)
{
    weak_make(&weak_old, true);
    collect_first();
    leave_buffers();
    weak_make(&weak_new, false);
    collect_young();
    cr_expect_eq(weir_weak_get(weak_old), old_root);
    cr_expect_null(weir_weak_get(weak_new));
}

/* A value that only an entry with an old key reaches. */
static weir_weak_map *map;

__attribute__((noinline)) static void map_put(void)
{
    uint64_t *value = weir_gc_alloc(48);
    *value = 7;
    moved[0] = hide(value);
    weir_weak_map_set(map, old_root, value);
}

Test(concurrent_young, values_of_old_keys_stay, .init = begin_young)
{
    map = weir_weak_map_new();
    old_root = weir_gc_alloc(64);
    collect_first();
    map_put();
    collect_young();
    cr_expect(is_whole(moved[0], 7));
    old_root = NULL;
    collect_full();
    cr_expect_not(is_alive(moved[0]));
}

/* --- where new objects go --- */

/* The oldest of many spans have free cells, and all the others are full. After a young trace, which frees
 * nothing in those, a thread takes the free cells, and no new span. */
enum { SPAN_CELLS = SLOT_SIZE / 1024, OLD_SPANS = 64, OPEN_SPANS = 8 };
static void *volatile spread[OLD_SPANS * SPAN_CELLS];

Test(concurrent_young, known_free_cells_are_used_before_new_spans, .init = begin_young)
{
    for (int i = 0; i < OLD_SPANS * SPAN_CELLS; i++)
        spread[i] = weir_gc_alloc(1024);
    for (int i = 0; i < OPEN_SPANS * SPAN_CELLS; i += 2)
        spread[i] = NULL;
    collect_first();
    gc_run_cycle(CYCLE_FORCED); /* weir_gc would sweep as well */
    cr_assert(trace_last()->young);
    size_t held = collected_bytes_held;
    for (int i = 0; i < OPEN_SPANS * SPAN_CELLS / 4; i++)
        spread[4 * i] = weir_gc_alloc(1024);
    cr_expect_eq(collected_bytes_held, held, "%zu, %zu", (size_t)collected_bytes_held, held);
}

/* --- the count --- */

static uint64_t live_bytes(void)
{
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    return stats.gc_live;
}

Test(concurrent_young, what_is_live_is_counted, .init = begin_young)
{
    cells_make(0, 1);
    collect_first();
    cells_free_half();
    void **large = old_root = weir_gc_alloc(200000);
    large[0] = weir_gc_alloc(200000);
    collect_young();
    weir_gc_free(large[0]);
    large[0] = NULL;
    for (int i = 0; i < 1000; i++)
        weir_gc_alloc(1000);
    collect_young();
    uint64_t young = live_bytes();
    collect_full();
    cr_expect_leq(live_bytes(), young);
    cr_expect_geq(live_bytes() + 16 * 1024, young, "%lu, %lu", live_bytes(), young);
}

/* As they were found by the sweep. */
static size_t marked_bytes(void)
{
    size_t bytes = 0;
    collected_sweep_rest();
    for (uint32_t kind = 0; kind < COLLECTED_KINDS; kind++)
        for (uint32_t cls = 1; cls < CLASS_COUNT; cls++)
            for (uint32_t slot = collected_lists.spans[kind][cls]; slot; slot = span_of_slot(slot)->next)
                for (uint32_t word = 0; word < bitmaps_words(span_of_slot(slot)); word++)
                    bytes += (size_t)__builtin_popcountll(bitmaps_of(slot)[word].marks) * class_size(cls);
    for (uint32_t slot = collected_lists.large; slot; slot = span_of_slot(slot)->all_next)
        bytes += bitmaps_of(slot)->marks & 1 ? large_usable(span_of_slot(slot)) : 0;
    return bytes;
}

static void *allocate_and_free(void *argument)
{
    static void *mine[2000];
    while (!done) {
        for (int i = 0; i < 2000; i++)
            mine[i] = weir_gc_alloc(i % 100 ? 64 : 300000);
        for (int i = 0; i < 2000; i++) {
            weir_gc_free(mine[i]);
            mine[i] = NULL;
        }
    }
    return argument;
}

/* What an error leaves in the count of one young trace would add up. */
Test(concurrent_young, what_is_freed_beside_traces_is_not_counted_for_ever, .init = begin_young)
{
    pthread_t thread;
    cells_make(0, 1);
    pthread_create(&thread, NULL, allocate_and_free, NULL);
    collect_first();
    for (int i = 0; i < 4; i++)
        collect();
    done = true;
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++) /* what was freed while the dead were released counts once more */
        collect();
    size_t live = live_bytes(), marked = marked_bytes();
    cr_expect(trace_last()->young);
    cr_expect(live <= marked + KIB(64) && marked <= live + KIB(64), "%zu, %zu marked", live, marked);
}

/* --- while spans are swept --- */

static atomic_int freed_rounds, swept_rounds;

static void *free_cells(void *argument)
{
    weir_gc_attach_thread();
    while (!done)
        if (freed_rounds < swept_rounds) {
            for (int i = 0; i < CELLS; i++) {
                weir_gc_free(i % 64 < 40 ? cells[i] : NULL);
                cells[i] = i % 64 < 40 ? NULL : cells[i];
            }
            freed_rounds++;
        }
    return argument;
}

/* Of a cell that is freed while its span is swept, no bit stays: the next trace checks that. */
Test(concurrent_young, old_objects_may_be_freed_while_their_spans_are_swept, .init = begin_young)
{
    pthread_t thread;
    pthread_create(&thread, NULL, free_cells, NULL);
    for (int i = 0; i < (WATCHED ? 20 : 200); i++) {
        for (int j = 0; j < CELLS; j++)
            cells[j] = cells[j] ? cells[j] : weir_gc_alloc(64);
        gc_run_cycle(CYCLE_FORCED);
        swept_rounds++;
        collected_sweep_rest();
        while (freed_rounds < swept_rounds)
            sched_yield();
    }
    done = true;
    pthread_join(thread, NULL);
    collect();
}

/* --- where it is not possible --- */

static int mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int count = 0;
    for (int c; (c = getc(maps)) != EOF;)
        count += c == '\n';
    fclose(maps);
    return count;
}

/* Each range that stays watched splits a mapping, and a process may have 65,530. */
Test(concurrent_young, scattered_objects_do_not_use_up_the_mappings, .init = begin_young)
{
    enum { COUNT_OF_OBJECTS = 3000, KEPT_MOST = 512 };
    void **table = weir_gc_alloc(COUNT_OF_OBJECTS * sizeof *table);
    for (int i = 0; i < COUNT_OF_OBJECTS; i++)
        table[i] = weir_gc_alloc(40000);
    for (int i = 0; i < COUNT_OF_OBJECTS; i += 2)
        table[i] = NULL;
    int before = mappings();
    for (int i = 0; i < 4; i++) {
        collect();
        cr_expect(watch_is_kept());
        cr_expect_leq(mappings(), before + 2 * KEPT_MOST);
        for (int j = 0; j < COUNT_OF_OBJECTS; j += 2)
            table[j] = i % 2 ? NULL : weir_gc_alloc(40000);
    }
    table[0] = object_new(1);
    moved[0] = hide(table[0]);
    collect();
    cr_expect(is_whole(moved[0], 1));
}

Test(concurrent_young, a_trace_that_is_lost_begins_anew, .init = begin_young)
{
    places_make();
    collect_first();
    objects_make();
    collect_around(close_userfaultfd, AFTER_THE_FIRST_STOP);
    cr_expect_not(trace_last()->young);
    cr_expect_not(trace_last()->beside);
    check_moved();
    collect_first();
    move_all();
    collect_young();
    check_moved();
}

Test(concurrent_young, a_forced_collection_is_full, .init = begin)
{
    options.gcyoung = OPTIONS_YOUNG_ON;
    places_make();
    collect();
    gc.young.next = true;
    collect();
    cr_expect_not(trace_last()->young);
}

Test(concurrent_young, after_a_closed_descriptor_the_trace_is_full, .init = begin_young)
{
    places_make();
    collect_first();
    close_userfaultfd();
    objects_make();
    collect();
    cr_expect_not(trace_last()->young);
    cr_expect(trace_last()->beside);
    check_moved();
}

enum { FAR = 600 };
static void *volatile between[FAR];

Test(concurrent_young, with_too_many_ranges_the_trace_is_full, .init = begin_young)
{
    places_make();
    for (int i = 0; i < FAR; i++) /* two of them too far from each other to be watched as one range */
        between[i] = i % (FAR - 1) ? weir_gc_alloc_noscan(60000) : weir_gc_alloc(60000);
    collect_first();
    watch_set_range_limit(1);
    collect_young(); /* and after it, nothing is kept */
    watch_set_range_limit(0);
    objects_make();
    collect();
    cr_expect_not(trace_last()->young);
    check_moved();
}

static void trace_nothing(const void *object, size_t count, void (*visit)(void *context, const void *p),
                          void *context)
{
    (void)object, (void)count, (void)visit, (void)context;
}

static const weir_type function_type = {.name = "function", .size = 16, .trace = trace_nothing};

/* What a function reads is not watched. */
Test(concurrent_young, with_functions_of_types_all_traces_are_full, .init = begin_young)
{
    old_root = weir_gc_alloc_typed(&function_type, 1);
    collect();
    cr_expect_not(trace_last()->keeps_marks);
    collect();
    cr_expect_not(trace_last()->young);
}

static bool is_child_whole(void)
{
    collect();
    bool full = !trace_last()->young;
    for (int i = 0; i < PLACES / 2; i++)
        full &= is_whole(moved[i], (uint64_t)i);
    return full;
}

Test(concurrent_young, a_child_of_fork_begins_with_a_full_trace, .init = begin_young, .disabled = WATCHED)
{
    int status;
    places_make();
    collect_first();
    objects_make();
    pid_t child = fork();
    if (child == 0)
        _exit(is_child_whole() ? 0 : 1);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    collect_young();
    check_moved();
}

/* --- all at once --- */

Test(concurrent_young, random_writers_against_a_model, .init = begin_young)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    threads_run(WRITERS, writer_run);
    done = true;
    pthread_join(collector, NULL);
    for (int i = 0; i < 2; i++)
        weir_gc();
    for (size_t i = 0; i < WRITERS; i++)
        check_all(&writers[i]);
}
