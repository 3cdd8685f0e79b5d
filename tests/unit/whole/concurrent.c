/* concurrent: marking beside the program. In each phase of a trace the program and the kernel move references
 * from places that are not scanned yet to places that are. Freed memory is filled, and after each trace a
 * second tracer has to agree; likewise in concurrent_*.c. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <weir/control.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "runtime/config/options.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/threads/world.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/whole/concurrent_tests.h"

static void move_by_pipe(void)
{
    int pipes[2];
    CHECK(pipe(pipes) == 0);
    for (int i = 0; i < PLACES / 2; i++) {
        CHECK(write(pipes[1], places[i], sizeof(void *)) == sizeof(void *));
        CHECK(read(pipes[0], places[PLACES - 1 - i], sizeof(void *)) == sizeof(void *));
        *places[i] = NULL;
    }
    close(pipes[0]);
    close(pipes[1]);
}

static void move_by_another_process(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        struct iovec from = {places[i], sizeof(void *)}, to = {places[PLACES - 1 - i], sizeof(void *)};
        CHECK(process_vm_writev(getpid(), &from, 1, &to, 1, 0) == (ssize_t)sizeof(void *));
        *places[i] = NULL;
    }
}

Test(concurrent, what_the_program_moves_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(move_all, phase);
}

Test(concurrent, what_the_kernel_moves_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        check_moves(move_by_pipe, phase);
        check_moves(move_by_another_process, phase);
    }
}

Test(concurrent, what_new_objects_hold_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(move_to_new, phase);
}

static void make_new(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        *places[PLACES - 1 - i] = object_new((uint64_t)i);
        moved[i] = hide(*places[PLACES - 1 - i]);
    }
}

Test(concurrent, what_is_new_stays, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(make_new, phase);
}

static void realloc_all(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        *places[PLACES - 1 - i] = weir_gc_realloc(*places[i], i % 2 ? 20 : 90000);
        *places[i] = NULL;
        moved[i] = hide(*places[PLACES - 1 - i]);
    }
}

Test(concurrent, what_is_reallocated_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(realloc_all, phase);
}

/* --- memory that changes its use between the beginning of watching and the first stop --- */

enum { BLOCKS = 30, SLOTS_EACH = 3 };
static void *pairs[BLOCKS], **larger[BLOCKS / 2];

/* In the place of two neighbours, of which one was watched and one was not, there may be one object now. */
static void make_pairs(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        size_t size = (size_t)SLOTS_EACH * SLOT_SIZE;
        pairs[i] = i % 2 ? weir_gc_alloc_noscan(size) : weir_gc_alloc(size);
    }
}

static void replace_pairs(void)
{
    for (int i = 0; i < BLOCKS; i++)
        weir_gc_free(pairs[i]);
    for (int i = 0; i < BLOCKS / 2; i++)
        larger[i] = weir_gc_alloc((size_t)2 * SLOTS_EACH * SLOT_SIZE);
}

/* Before the last stop, objects that nothing pointed to until then. */
static void reveal_in_larger(void *context, const weir_event *event)
{
    enum { WORDS_OF_ONE = SLOTS_EACH * SLOT_SIZE / sizeof(void *) };
    int *stops = context;
    (void)event;
    ++*stops;
    for (int i = 0; *stops == 2 && i < PLACES / 2; i++)
        larger[i % (BLOCKS / 2)][WORDS_OF_ONE + i * 1000] = reveal(moved[i]);
}

Test(concurrent, what_is_freed_before_the_first_stop_stays_what_it_was, .init = begin)
{
    int stops = 0;
    weir_set_gc_percent(WEIR_GC_OFF);
    make_pairs();
    places_make();
    objects_make();
    for (int i = 0; i < PLACES / 2; i++)
        *places[i] = NULL;
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STOP_BEGIN), reveal_in_larger, &stops), 0);
    collect_around(replace_pairs, BEFORE_THE_FIRST_STOP);
    weir_event_unlisten(reveal_in_larger, &stops);
    cr_expect(trace_last()->beside);
    check_moved();
}

/* --- a thread that is late --- */

/* Clear the mark of a new object: so does a thread that has freed its cell before it was allocated anew, and
 * was then suspended. */
static void *unmark(void *object)
{
    span_t *span = span_of_slot(region_slot(object));
    uint32_t cell = bitmaps_cell(span->cls, (uintptr_t)object % SLOT_SIZE);
    __atomic_fetch_and(&bitmaps_of(span_slot(span))[cell / 64].marks, ~((uint64_t)1 << cell % 64),
                       __ATOMIC_RELEASE);
    return object;
}

static void make_unmarked(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        uint64_t *object = unmark(weir_gc_alloc(48));
        void **parent = unmark(weir_gc_alloc(64));
        object[0] = (uint64_t)i;
        moved[i] = hide(object);
        parent[7] = object;
        *places[PLACES - 1 - i] = parent;
    }
}

Test(concurrent, what_is_unmarked_late_is_scanned, .init = begin)
{
    for (enum phase phase = AFTER_THE_FIRST_STOP; phase < PHASES; phase++)
        check_moves(make_unmarked, phase);
}

/* --- weak references --- */

static weir_weak *weak[PLACES];

static void strengthen_all(void)
{
    for (int i = 0; i < PLACES / 2; i++)
        *places[PLACES - 1 - i] = weir_weak_get(weak[i]);
}

/* A weak reference, read while the trace goes on, makes its object live. */
__attribute__((noinline)) static void weaken_all(void)
{
    objects_make();
    for (int i = 0; i < PLACES / 2; i++) {
        weak[i] = weir_weak_new(*places[i]);
        *places[i] = NULL;
    }
}

Test(concurrent, what_was_weak_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_make();
        weaken_all();
        collect_around(strengthen_all, phase);
        check_moved();
    }
}

static void free_all(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        weir_gc_free(*places[i]);
        *places[i] = NULL;
    }
}

Test(concurrent, what_is_freed_by_hand_is_gone, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_make();
        objects_make();
        collect_around(free_all, phase);
        for (int i = 0; i < PLACES / 2; i++)
            cr_expect_not(is_alive(moved[i]), "object %d", i);
        collect();
        collected_verify();
    }
}

static void free_twice(void)
{
    void *object = *places[0]; /* 70,000 bytes: its memory stays until the trace has ended */
    weir_gc_free(object);
    weir_gc_free(object);
}

Test(concurrent, a_double_free_of_a_large_object_ends_the_program, .init = begin, .signal = SIGABRT)
{
    places_make();
    objects_make();
    collect_around(free_twice, BEFORE_THE_LAST_STOP);
}

/* --- functions of types --- */

static atomic_uint calls_of_types, calls_while_running;

static void trace_first(const void *object, size_t count, void (*visit)(void *context, const void *p),
                        void *context)
{
    calls_of_types++;
    calls_while_running += !world_stopping;
    for (size_t i = 0; i < count; i++)
        visit(context, reveal(*(const hidden_t *)object));
}

static const weir_type hiding_type = {.name = "hiding", .size = 16, .trace = trace_first};

__attribute__((noinline)) static void hiding_make(size_t i, size_t count)
{
    hidden_t *hiding = weir_gc_alloc_typed(&hiding_type, count);
    *hiding = hide(object_new(i));
    *places[i] = hiding;
    moved[i] = *hiding;
}

/* The functions read what the program writes, so they are called only in a stop, and not in the first one. */
Test(concurrent, functions_of_types_are_called_in_a_stop, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_make();
        for (size_t i = 0; i < PLACES / 2; i++)
            hiding_make(i, i % 4 ? 1 : 9000);
        collect_around(move_all, phase);
        check_moved();
    }
    cr_expect_gt(calls_of_types, 0);
    cr_expect_eq(calls_while_running, 0);
}
