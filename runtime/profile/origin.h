/* origin: which calls a block comes from: WEIR_DEBUG=leaks=1.
 *
 * For each block of malloc this keeps its address, the size that was asked for, and the stack of calls, until
 * the block is freed. Equal stacks are kept once. Blocks and stacks are in hash tables of open addressing, in
 * the runtime's own memory.
 *
 *     block --hash--> | address, size, stack's number, state |   stack's number --> | frames |
 *
 * Stack 0 has no frames. It is the stack of blocks that are allocated before the unwinder is ready, or by the
 * unwinder itself, and under leakrate=N of blocks that are not sampled (sample.h).
 */
#ifndef WEIR_PROFILE_ORIGIN_H
#define WEIR_PROFILE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ORIGIN_FRAMES = 16, ORIGIN_STACKS = 256 * 1024 /* what comes beyond has stack 0 */ };

/* Never changes once it has a number. */
typedef struct origin_stack {
    uint32_t hash, depth;
    uintptr_t frames[ORIGIN_FRAMES]; /* addresses within the calls */
} origin_stack_t;

/* Written under the lock or, in the stopped world, by the thread that has stopped it. */
typedef struct origin {
    uintptr_t block; /* 0: a free entry */
    size_t size;
    uint32_t stack;
    uint32_t state; /* written by the leak finder */
} origin_t;

/* Fills in frames and depth, which is 0 before; runtime/service/calls.c sets it once. NULL: no stack is
 * known. */
extern void (*_Atomic origin_unwind)(origin_stack_t *stack);

/* The innermost frame of the program, on a stack that continues in the runtime. */
enum { ORIGIN_SAVED = 6 };
typedef struct origin_frame {
    uintptr_t from;                /* its stack pointer */
    uintptr_t saved[ORIGIN_SAVED]; /* the callee-saved registers there */
} origin_frame_t;

/* The caller holds no lock of rank LOCK_RANK_ORIGIN or higher. */
void origin_note(const void *p, size_t size);
void origin_forget(const void *p);

/* With the world stopped: the entry of the block at p, or NULL; every entry. */
origin_t *origin_of(const void *p);
void origin_each(void (*visit)(origin_t *origin));

/* By any thread, for numbers that an entry had. */
const origin_stack_t *origin_stack(uint32_t number);

bool origin_before_fork(void);
void origin_after_fork(bool child);

#endif
