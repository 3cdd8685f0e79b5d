/* finalize_tests: what the tests of finalizers and cleanups share. */
#ifndef WEIR_TESTS_UNIT_FINALIZE_TESTS_H
#define WEIR_TESTS_UNIT_FINALIZE_TESTS_H

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <weir/finalize.h>
#include <weir/gc.h>
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

typedef struct node {
    struct node *next;
    uintptr_t number;
} node_t;

enum { NUMBERS = 1 << 16 };

/* By number: how many calls there were, and the turn of the last finalizer call. */
__attribute__((unused)) static _Atomic uint32_t finalized[NUMBERS], cleaned[NUMBERS], turn[NUMBERS], turns;

__attribute__((unused)) static node_t *volatile root, *volatile resurrected;

static inline void finalizer(void *object, void *context)
{
    node_t *node = object;
    CHECK(weir_gc_base(node) == node);
    CHECK(!context || context == (void *)turn);
    CHECK(node->number < NUMBERS, "%zu", node->number);
    for (const node_t *at = node->next; at && at != node; at = at->next)
        CHECK(weir_gc_base(at) == at && at->number < NUMBERS, "what it points to is gone");
    turn[node->number] = ++turns;
    finalized[node->number]++;
}

static inline void cleanup(void *argument)
{
    cleaned[(uintptr_t)argument]++;
}

static inline node_t *node_new(uintptr_t number, node_t *next)
{
    node_t *node = weir_gc_alloc(sizeof *node + number % 5 * 16);
    cr_assert_not_null(node);
    node->number = number;
    node->next = next;
    return node;
}

static inline node_t *finalizable(uintptr_t number, node_t *next)
{
    node_t *node = node_new(number, next);
    cr_assert_eq(weir_gc_set_finalizer(node, finalizer, (void *)turn), 0);
    return node;
}

/* Collect, and wait for all calls. The function has no variables: unused room in its frame could hold an old
 * pointer. */
__attribute__((noinline, unused)) static void collect_and_wait(void)
{
    collect();
    cr_assert_eq(weir_gc_wait_finalizers(-1), 0);
}

static inline void settle(void)
{
    clear_stack();
    collect_and_wait();
}

/* The tests' own frames and registers never hold an object: that would keep it. */
__attribute__((noinline, unused)) static hidden_t put(uintptr_t number, node_t *next)
{
    root = finalizable(number, next);
    return hide(root);
}

__attribute__((noinline, unused)) static hidden_t put_plain(uintptr_t number)
{
    root = node_new(number, NULL);
    return hide(root);
}

__attribute__((noinline, unused)) static weir_cleanup add_cleanup(void (*call)(void *argument),
                                                                  uintptr_t argument)
{
    weir_cleanup added = weir_gc_add_cleanup((void *)root, call, (void *)argument);
    cr_assert_neq(added.id, 0);
    return added;
}

__attribute__((noinline, unused)) static void drop(void)
{
    root = NULL;
}

#endif
