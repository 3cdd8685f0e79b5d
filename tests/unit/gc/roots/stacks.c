/* stacks: the collector and coroutines (swapcontext) that are suspended, resumed by any thread, or running;
 * signal handlers on stacks of their own; blocks that lie on a stack at a distance from the thread's. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <weir/gc.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/roots/stacks.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

typedef struct link {
    struct link *next;
    uint64_t number;
} link_t;

/* In memory that the collector does not look into. */
typedef struct coroutine {
    ucontext_t context, *caller;
    weir_gc_stack *stack, *caller_stack;
    char *low;
    size_t size;
    uint64_t number;
    lock_t lock; /* held by the thread that resumes it */
    bool ended;
} coroutine_t;

static __thread weir_gc_stack *current;

static void yield(coroutine_t *self)
{
    weir_gc_stack_switch(self->caller_stack);
    swapcontext(&self->context, self->caller);
}

__attribute__((noinline)) static void resume(coroutine_t *coroutine)
{
    ucontext_t here;
    weir_gc_stack *before = current;
    coroutine->caller = &here;
    coroutine->caller_stack = before;
    current = coroutine->stack;
    weir_gc_stack_switch(coroutine->stack);
    swapcontext(&here, &coroutine->context);
    current = before;
}

static link_t *list_make(uint64_t seed, size_t count)
{
    link_t *list = NULL;
    for (size_t i = 0; i < count; i++) {
        link_t *link = weir_gc_alloc(sizeof *link);
        CHECK(link);
        link->next = list;
        link->number = seed + i;
        list = link;
    }
    return list;
}

static void list_check(const link_t *list, uint64_t seed, size_t count)
{
    for (size_t i = count; i-- > 0; list = list->next) {
        CHECK(list && weir_gc_base(list) == list, "link %zu was freed", i);
        CHECK(list->number == seed + i, "link %zu: %lu", i, list->number);
    }
    CHECK(!list);
}

enum { LIST = 40, TURNS = 30 };

/* Its list is nowhere but in its frame, or in a register that is saved there. */
static void body(unsigned low, unsigned high)
{
    coroutine_t *self = (coroutine_t *)((uintptr_t)high << 32 | low);
    for (uint64_t turn = 0; turn < TURNS; turn++) {
        uint64_t seed = self->number * 1000000 + turn * 1000;
        link_t *list = list_make(seed, LIST);
        yield(self);
        list_check(list, seed, LIST);
    }
    self->ended = true;
    yield(self);
}

static coroutine_t *coroutine_new(uint64_t number, bool registered)
{
    coroutine_t *self = heap_calloc(1, sizeof *self);
    self->size = KIB(64);
    self->low = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    self->number = number;
    self->stack = registered ? weir_gc_stack_add(self->low, self->size) : NULL;
    getcontext(&self->context);
    self->context.uc_stack.ss_sp = self->low;
    self->context.uc_stack.ss_size = self->size;
    self->context.uc_link = NULL;
    makecontext(&self->context, (void (*)(void))(uintptr_t)body, 2, (unsigned)(uintptr_t)self,
                (unsigned)((uintptr_t)self >> 32));
    return self;
}

static void coroutine_free(coroutine_t *self)
{
    weir_gc_stack_remove(self->stack);
    munmap(self->low, self->size);
    heap_free(self);
}

enum { COROUTINES = 50 };

Test(stacks, suspended_coroutines_keep_what_they_hold)
{
    coroutine_t *all[COROUTINES];
    for (uint64_t i = 0; i < COROUTINES; i++)
        all[i] = coroutine_new(i, true);
    for (int turn = 0; turn <= TURNS; turn++) {
        for (int i = 0; i < COROUTINES; i++)
            resume(all[i]);
        collect();
    }
    for (int i = 0; i < COROUTINES; i++) {
        cr_expect(all[i]->ended);
        coroutine_free(all[i]);
    }
}

/* What is below the place where a coroutine was left is not in use; a stack that was removed keeps
 * nothing. */
static hidden_t hidden;

static void body_hiding(unsigned low, unsigned high)
{
    coroutine_t *self = (coroutine_t *)((uintptr_t)high << 32 | low);
    link_t *list = list_make(1, LIST);
    hidden = hide(list->next);
    yield(self);
    list_check(list, 1, LIST);
    yield(self);
}

static void prepare(coroutine_t *self, void (*function)(unsigned, unsigned))
{
    makecontext(&self->context, (void (*)(void))(uintptr_t)function, 2, (unsigned)(uintptr_t)self,
                (unsigned)((uintptr_t)self >> 32));
}

Test(stacks, a_stack_that_was_removed_keeps_nothing)
{
    weir_gc_disable();
    coroutine_t *self = coroutine_new(0, true);
    prepare(self, body_hiding);
    resume(self);
    collect();
    cr_expect(is_alive(hidden));
    weir_gc_stack_remove(self->stack);
    self->stack = NULL;
    collect();
    cr_expect_not(is_alive(hidden));
    coroutine_free(self);
}

/* A coroutine collects, and resumes another one, which collects too. Meanwhile the thread's own stack and the
 * first coroutine's stack are suspended. */
static void body_nesting(unsigned low, unsigned high)
{
    coroutine_t *self = (coroutine_t *)((uintptr_t)high << 32 | low);
    link_t *list = list_make(self->number, LIST);
    collect();
    if (self->number < 5) {
        coroutine_t *inner = coroutine_new(self->number + 1, true);
        prepare(inner, body_nesting);
        resume(inner);
        collect();
        coroutine_free(inner);
    }
    list_check(list, self->number, LIST);
    yield(self);
}

Test(stacks, coroutines_that_collect)
{
    link_t *list = list_make(77, LIST);
    coroutine_t *self = coroutine_new(0, true);
    prepare(self, body_nesting);
    resume(self);
    collect();
    list_check(list, 77, LIST);
    coroutine_free(self);
}

/* Until the thread runs on the coroutine's stack, the coroutine's registers are only where they were
 * saved. */
Test(stacks, a_stack_that_is_announced_keeps_what_was_in_registers)
{
    weir_gc_disable();
    coroutine_t *self = coroutine_new(0, true);
    void *p = weir_gc_alloc(100);
    hidden = hide(p);
    self->stack->frame.saved[0] = (uintptr_t)p;
    p = NULL;
    weir_gc_stack_switch(self->stack);
    collect();
    weir_gc_stack_switch(NULL);
    cr_expect(is_alive(hidden));
    coroutine_free(self);
}

/* --- threads: any of them resumes any coroutine, while others collect --- */

static coroutine_t *shared[COROUTINES];
static atomic_int left;

static void work(size_t number)
{
    uint64_t random = number;
    link_t *list = list_make(number, LIST);
    while (left > 0) {
        coroutine_t *coroutine = shared[random_below(&random, COROUTINES)];
        if (!lock_try(&coroutine->lock))
            continue;
        if (!coroutine->ended) {
            resume(coroutine);
            left -= coroutine->ended;
        }
        lock_release(&coroutine->lock);
        if (random_below(&random, 20) == 0)
            weir_gc();
    }
    list_check(list, number, LIST);
}

Test(stacks, coroutines_wander_between_threads)
{
    left = COROUTINES;
    for (uint64_t i = 0; i < COROUTINES; i++)
        shared[i] = coroutine_new(i, true);
    threads_run(4, work);
    for (int i = 0; i < COROUTINES; i++)
        coroutine_free(shared[i]);
}

/* --- signal handlers on a stack of their own ---
 *
 * Not under ThreadSanitizer, which keeps back the signal that stops a thread while a handler runs: nothing
 * would be collected. */

static atomic_int in_handler;

static void handler(int number)
{
    (void)number;
    link_t *list = list_make(5, LIST);
    in_handler = 1;
    while (in_handler == 1)
        sched_yield();
    list_check(list, 5, LIST);
}

static void *on_other_stack(void *registered)
{
    size_t size = KIB(128);
    char *low = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    weir_gc_stack *stack = registered ? weir_gc_stack_add(low, size) : NULL;
    sigaltstack(&(stack_t){.ss_sp = low, .ss_size = size}, NULL);
    link_t *list = list_make(9, LIST);
    raise(SIGUSR1);
    list_check(list, 9, LIST);
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    weir_gc_stack_remove(stack);
    munmap(low, size);
    return NULL;
}

static void *on_other_stack_in_a_coroutine(void *registered);

static void check_handlers(void *(*run)(void *), void *registered)
{
    pthread_t thread;
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_ONSTACK}, NULL);
    in_handler = 0;
    pthread_create(&thread, NULL, run, registered);
    while (!in_handler)
        sched_yield();
    for (int i = 0; i < 5; i++)
        collect();
    in_handler = 2;
    pthread_join(thread, NULL);
}

/* Allocating in a handler is not allowed; in one that is raised by a function call it works. */
Test(stacks, signal_handlers_on_a_registered_stack, .disabled = WATCHED)
{
    check_handlers(on_other_stack, (void *)1);
}

Test(stacks, signal_handlers_on_another_stack, .disabled = WATCHED)
{
    check_handlers(on_other_stack, NULL);
}

static void body_raising(unsigned low, unsigned high)
{
    coroutine_t *self = (coroutine_t *)((uintptr_t)high << 32 | low);
    on_other_stack((void *)self->number);
    yield(self);
}

static void *on_other_stack_in_a_coroutine(void *registered)
{
    link_t *list = list_make(11, LIST);
    coroutine_t *self = coroutine_new((uintptr_t)registered, true);
    prepare(self, body_raising);
    resume(self);
    list_check(list, 11, LIST);
    coroutine_free(self);
    return NULL;
}

Test(stacks, signal_handlers_above_a_coroutine, .disabled = WATCHED)
{
    check_handlers(on_other_stack_in_a_coroutine, (void *)1);
    check_handlers(on_other_stack_in_a_coroutine, NULL);
}

/* --- a stack just below the thread's own, with a hole in between: no word of the hole is read --- */

static char *below;

static void *on_stack_at_a_distance(void *argument)
{
    (void)argument;
    on_other_stack_in_a_coroutine((void *)1);
    return NULL;
}

static void *thread_above_a_hole(void *argument)
{
    (void)argument;
    link_t *list = list_make(13, LIST);
    coroutine_t *self = coroutine_new(1, false);
    munmap(self->low, self->size);
    self->low = below;
    self->stack = weir_gc_stack_add(self->low, self->size);
    self->context.uc_stack.ss_sp = self->low;
    prepare(self, body_nesting);
    resume(self);
    list_check(list, 13, LIST);
    weir_gc_stack_remove(self->stack);
    heap_free(self);
    return on_stack_at_a_distance(NULL);
}

Test(stacks, a_stack_below_the_thread_s_own, .disabled = WATCHED)
{
    const size_t size = MIB(1);
    char *memory = mmap(NULL, 3 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory, size, PROT_READ | PROT_WRITE);
    mprotect(memory + 2 * size, size, PROT_READ | PROT_WRITE);
    below = memory;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, memory + 2 * size, size);
    pthread_t thread;
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_ONSTACK}, NULL);
    cr_assert_eq(pthread_create(&thread, &attributes, thread_above_a_hole, NULL), 0);
    while (!in_handler)
        sched_yield();
    collect();
    in_handler = 2;
    pthread_join(thread, NULL);
}
