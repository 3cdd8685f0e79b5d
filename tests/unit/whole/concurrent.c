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
