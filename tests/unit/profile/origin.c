/* The table of the origins of blocks, against a model: blocks come and go at random, with stacks of calls
 * that are made up; after each stretch every entry is the model's. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/config/options.h"
#include "runtime/profile/origin.h"
#include "runtime/threads/attach.h"

enum { BLOCKS = 20000, STACKS = 300 };

static struct {
    size_t size[BLOCKS]; /* 0: it is not there */
    uint32_t stack[BLOCKS];
    size_t count;
} model;
static uint32_t next_stack;
static uint64_t state;

static uint32_t below(uint32_t bound)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % bound;
}

/* Addresses of blocks, some adjacent and some far apart; they are never read. */
static void *block_of(uint32_t i)
{
    return (void *)(((uintptr_t)1 << 40) + (uintptr_t)i * (i % 3 ? 16 : 1 << 20));
}

/* Stack n has n % ORIGIN_FRAMES + 1 frames that only it has. */
static void unwind(origin_stack_t *stack)
{
    stack->depth = next_stack % ORIGIN_FRAMES + 1;
    for (uint32_t i = 0; i < stack->depth; i++)
        stack->frames[i] = 0x1000 + next_stack * 0x100 + i;
}

static void note(uint32_t i)
{
    next_stack = below(STACKS);
    model.count += model.size[i] == 0;
    model.size[i] = 1 + below(1000);
    model.stack[i] = next_stack;
    origin_note(block_of(i), model.size[i]);
}

static void forget(uint32_t i)
{
    model.count -= model.size[i] != 0;
    model.size[i] = 0;
    origin_forget(block_of(i));
}

static size_t seen;

static void count(origin_t *origin)
{
    cr_assert(origin->block);
    seen++;
}

static void check(void)
{
    seen = 0;
    origin_each(count);
    cr_assert_eq(seen, model.count);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        const origin_t *origin = origin_of(block_of(i));
        cr_assert_eq(origin != NULL, model.size[i] != 0, "%u", i);
        if (!origin)
            continue;
        cr_assert_eq(origin->size, model.size[i]);
        const origin_stack_t *stack = origin_stack(origin->stack);
        cr_assert_eq(stack->depth, model.stack[i] % ORIGIN_FRAMES + 1);
        cr_assert_eq(stack->frames[0], 0x1000 + model.stack[i] * 0x100);
    }
}

static void begin(void)
{
    cr_assert(thread_heap());
    state = 4711;
    memset(&model, 0, sizeof model);
}

Test(origin, a_table_against_a_model, .init = begin)
{
    origin_unwind = unwind;
    for (int round = 0; round < 20; round++) {
        uint32_t bias = below(100); /* it grows, it shrinks */
        for (int i = 0; i < 10000; i++) {
            uint32_t which = below(BLOCKS);
            if (below(100) < bias)
                note(which);
            else
                forget(which);
        }
        check();
    }
    for (uint32_t i = 0; i < BLOCKS; i++)
        forget(i);
    check();
}

/* Equal stacks get one number, different stacks get different numbers. */
Test(origin, stacks_are_kept_once, .init = begin)
{
    origin_unwind = unwind;
    uint32_t numbers[STACKS];
    for (int round = 0; round < 3; round++)
        for (uint32_t i = 0; i < STACKS; i++) {
            next_stack = i;
            origin_note(block_of(i), 10);
            uint32_t number = origin_of(block_of(i))->stack;
            cr_assert(number > 0 && (round == 0 || number == numbers[i]));
            numbers[i] = number;
        }
    cr_expect_neq(numbers[0], numbers[1]);
}

Test(origin, without_an_unwinder_there_is_no_stack, .init = begin)
{
    origin_unwind = NULL;
    origin_note(block_of(1), 10);
    cr_expect_eq(origin_of(block_of(1))->stack, 0);
    cr_expect_eq(origin_stack(0)->depth, 0);
}

Test(origin, what_is_not_sampled_has_no_stack, .init = begin)
{
    origin_unwind = unwind;
    options.leakrate = 1000;
    size_t with = 0;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        next_stack = 1;
        origin_note(block_of(i), 10);
        with += origin_of(block_of(i))->stack != 0;
    }
    cr_expect(with > BLOCKS / 100 * 7 / 10 && with < BLOCKS / 100 * 14 / 10, "%zu", with);
    options.leakrate = 0;
}
