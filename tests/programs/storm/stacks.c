/* stacks: coroutines (ucontext) on stacks in blocks, in mappings and in static data, of which each knows
 * blocks that nothing else knows, also while it does not run and while another thread runs it; and setjmp. */
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/programs/storm/storm.h"

enum { STACK = 64 << 10, COROUTINES = 12, STATIC_STACKS = 4 };

typedef struct coroutine {
    ucontext_t here, caller;
    char *stack;
    enum { ON_BLOCK, ON_MAPPING, ON_STATIC } kind;
    bool ends, ended;
    uint64_t random;
} coroutine_t;

typedef struct state {
    coroutine_t *coroutines[COROUTINES];
} state_t;

static char static_stacks[STATIC_STACKS][STACK] __attribute__((aligned(64)));
static _Atomic bool static_used[STATIC_STACKS];

static void yield(coroutine_t *c)
{
    CHECK(swapcontext(&c->here, &c->caller) == 0);
}

/* Its blocks are known from its stack and its registers alone. */
static void work(coroutine_t *c, int depth)
{
    block_t *chain = chain_new(&c->random, 5, 2000), *one = block_new(&c->random, 1 << 13);
    yield(c);
    chain_check(chain, 5);
    if (depth < 5 && !c->ends)
        work(c, depth + 1);
    one = block_resize(one, &c->random, 1 << 13);
    chain_check(chain, 5);
    chain_free(chain);
    block_free(one);
}

static void body(unsigned low, unsigned high)
{
    coroutine_t *c = (coroutine_t *)((uintptr_t)high << 32 | low);
    while (!c->ends)
        work(c, 0);
    c->ended = true;
    yield(c);
}

static char *stack_new(coroutine_t *c)
{
    char *stack = NULL;
    if (c->kind == ON_STATIC) {
        for (int i = 0; i < STATIC_STACKS && !stack; i++)
            if (!atomic_exchange(&static_used[i], true))
                stack = static_stacks[i];
        if (!stack)
            c->kind = ON_BLOCK;
    }
    if (c->kind == ON_BLOCK)
        stack = malloc(STACK);
    else if (c->kind == ON_MAPPING)
        stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != NULL && stack != MAP_FAILED);
    return stack;
}

static void stack_free(coroutine_t *c)
{
    if (c->kind == ON_BLOCK)
        free(c->stack);
    else if (c->kind == ON_MAPPING)
        munmap(c->stack, STACK);
    else
        static_used[(c->stack - static_stacks[0]) / STACK] = false;
}

static coroutine_t *coroutine_new(uint64_t *random)
{
    coroutine_t *c = calloc(1, sizeof *c);
    CHECK(c != NULL && getcontext(&c->here) == 0);
    c->kind = below(random, 3);
    c->stack = stack_new(c);
    c->random = random_next(random) | 1;
    c->here.uc_stack.ss_sp = c->stack;
    c->here.uc_stack.ss_size = STACK;
    makecontext(&c->here, (void (*)(void))body, 2, (unsigned)(uintptr_t)c, (unsigned)((uintptr_t)c >> 32));
    return c;
}

static void resume(coroutine_t *c)
{
    CHECK(swapcontext(&c->caller, &c->here) == 0);
}

static void coroutine_end(coroutine_t *c)
{
    for (c->ends = true; !c->ended;)
        resume(c);
    stack_free(c);
    free(c);
}

static void *resumes(void *coroutine) /* in another thread */
{
    resume(coroutine);
    return NULL;
}

/* longjmp out of ten calls, whose frames know a block each. */
static void descend(jmp_buf target, block_t **kept, int depth, uint64_t *random)
{
    block_t *volatile mine = block_new(random, 500);
    kept[depth] = mine;
    if (depth == 9)
        longjmp(target, 1);
    descend(target, kept, depth + 1, random);
    block_check(mine);
}

static void jump(uint64_t *random)
{
    block_t *volatile before = block_new(random, 4000);
    block_t **kept = calloc(10, sizeof *kept);
    block_t **volatile table = kept;
    CHECK(kept != NULL);
    jmp_buf target;
    if (setjmp(target) == 0)
        descend(target, kept, 0, random);
    for (int i = 0; i < 10; i++)
        block_free(table[i]);
    free(table);
    block_free(before);
}

static void begin(worker_t *w)
{
    w->state = calloc(1, sizeof(state_t));
    CHECK(w->state != NULL);
}

static void step(worker_t *w)
{
    state_t *s = w->state;
    DOING("coroutines");
    for (int i = 0; i < 30; i++) {
        coroutine_t **c = &s->coroutines[below(&w->random, COROUTINES)];
        if (!*c) {
            *c = coroutine_new(&w->random);
        } else if (below(&w->random, 15) == 0) {
            coroutine_end(*c);
            *c = NULL;
        } else {
            resume(*c);
        }
    }
    coroutine_t *other = s->coroutines[0];
    if (other) {
        DOING("a coroutine in another thread");
        CHECK(pthread_join(helper_start(resumes, other, false), NULL) == 0);
    }
    DOING("longjmp");
    jump(&w->random);
}

static void end(worker_t *w)
{
    state_t *s = w->state;
    for (int i = 0; i < COROUTINES; i++)
        if (s->coroutines[i])
            coroutine_end(s->coroutines[i]);
    free(s);
}

const actor_t actor_stacks = {"stacks", 2, 60, false, begin, step, end};
