/* Functions that allocate in ways for which the right advice is known: tests/preload/advise.py has it. Each
 * right_ function gets its advice. A wrong_ function must get none, though its blocks may seem not to outlive
 * the function.
 *
 *     advised [TIMES]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline, noclone))

/* Used after calls, so that no call is a tail call except where one is meant. */
static volatile int sink;
static volatile int two = 2, three = 3; /* loops of so many are not unrolled */

NOINLINE static char *text_of(size_t size)
{
    char *p = malloc(size);
    memset(p, 1, size);
    return p;
}

/* --- what is right --- */

NOINLINE void right_stack(int n)
{
    char *p = malloc(40);
    memset(p, n, 40);
    sink += p[3];
    free(p);
}

NOINLINE static char *make_name(int n)
{
    char *p = malloc((size_t)(20 + n % 13));
    sprintf(p, "%d", n);
    return p;
}

/* Its block comes from a function that it calls. */
NOINLINE void right_stack_of_caller(int n)
{
    char *p = make_name(n);
    sink += p[0];
    free(p);
}

/* The arguments differ at each call, and each call changes the caller's memory. */
NOINLINE void right_stack_with_result(int n, int *result)
{
    int *p = malloc(48);
    p[0] = n;
    *result += p[0];
    free(p);
    sink++;
}

NOINLINE void right_reuse(int n)
{
    char *p = malloc(20000);
    memset(p, n, 20000);
    sink += p[300];
    free(p);
}

struct cell {
    struct cell *next;
    int value;
};

NOINLINE void right_arena(int n)
{
    struct cell *first = NULL;
    for (int i = 0; i < 50; i++) {
        struct cell *cell = malloc(sizeof *cell);
        *cell = (struct cell){first, n + i};
        first = cell;
    }
    while (first) {
        struct cell *next = first->next;
        sink += first->value;
        free(first);
        first = next;
    }
    sink++;
}

/* A few messages of one size are in use; one function allocates them, another one frees them. */
static struct message {
    char text[200];
} * messages[16];

NOINLINE void right_pool(int n)
{
    int at = n % 16;
    struct message *message = malloc(sizeof(struct message));
    memset(message, n, sizeof *message);
    messages[at] = message;
    sink++;
}

NOINLINE static void drop_message(int n)
{
    struct message **message = &messages[(n * 7 + 3) % 16];
    free(*message);
    *message = NULL;
    sink++;
}

NOINLINE void right_begin_large(int n)
{
    int *numbers = NULL, room = 0, count = 0;
    for (; count < 1000; count++) {
        if (count == room)
            numbers = realloc(numbers, (size_t)(room = room ? 2 * room : 8) * sizeof *numbers);
        numbers[count] = n;
    }
    sink += numbers[n % 1000];
    free(numbers);
    sink++;
}

NOINLINE static char *right_builder(char *text, const char *more)
{
    char *joined = malloc(strlen(text) + strlen(more) + 1);
    strcpy(joined, text);
    strcat(joined, more);
    free(text);
    return joined;
}

NOINLINE static char *right_builder_in_place(char *text, const char *more)
{
    size_t length = text ? strlen(text) : 0;
    char *joined = realloc(text, length + strlen(more) + 1);
    strcpy(joined + length, more);
    sink++;
    return joined;
}

static struct leaf {
    struct leaf *left, *right;
    long key;
} * leaves;

NOINLINE void right_fewer(int n)
{
    struct leaf *leaf = malloc(sizeof(struct leaf));
    *leaf = (struct leaf){leaves, NULL, n};
    leaves = leaf;
    sink++;
}

static struct order {
    char is_paid;
    double sum;
    int customer;
    char *address;
    char is_sent;
    struct order *next;
} * orders;

NOINLINE void right_layout(int n)
{
    struct order *order = malloc(sizeof(struct order));
    *order = (struct order){.customer = n, .next = orders};
    orders = order;
    sink++;
}

/* --- what is wrong --- */

static char *kept;

/* The last one is freed by the next call. */
NOINLINE void wrong_global(int n)
{
    free(kept);
    kept = malloc(100);
    kept[0] = (char)n;
}

/* The same, allocated first. */
NOINLINE void wrong_global_late(int n)
{
    static char *other;
    char *p = malloc(104);
    p[0] = (char)n;
    free(other);
    other = p;
    sink++;
}

/* The loop that calls it keeps its state in globals, so that the caller's frame is the same at each call. */
NOINLINE void wrong_global_unseen(void)
{
    static char *other;
    char *p = malloc(232);
    p[0] = 1;
    free(other);
    other = p;
    sink++;
}

/* Each call allocates two blocks; every second call frees those of two calls. */
static void **pairs;

NOINLINE void wrong_pairs(void)
{
    static int calls;
    for (int i = 0; i < two; i++) {
        void **p = malloc(248);
        *p = pairs;
        pairs = p;
    }
    if (++calls % 2 == 0)
        while (pairs) {
            void **next = *pairs;
            free(pairs);
            pairs = next;
        }
    sink++;
}

/* take_turn frees the last block before it allocates: the last block of each call of wrong_turns is freed by
 * the next call. */
static char *in_turn;

NOINLINE static void take_turn(void)
{
    free(in_turn);
    in_turn = malloc(264);
    in_turn[0] = 1;
    sink++;
}

NOINLINE void wrong_turns(void)
{
    for (int i = 0; i < three; i++)
        take_turn();
    sink++;
}

/* One call site calls through a pointer, alternately a function that allocates and one that frees. */
static char *by_pointer;

NOINLINE static void take_by_pointer(void)
{
    by_pointer = malloc(280);
    by_pointer[0] = 1;
    sink++;
}

NOINLINE static void drop_by_pointer(void)
{
    free(by_pointer);
    by_pointer = NULL;
    sink++;
}

static void (*volatile next_call)(void) = take_by_pointer;

NOINLINE void wrong_pointer(void)
{
    next_call();
    next_call = next_call == take_by_pointer ? drop_by_pointer : take_by_pointer;
    sink++;
}

static volatile int left;

NOINLINE static void call_unseen(void)
{
    while (left) {
        wrong_global_unseen();
        wrong_pairs();
        wrong_turns();
        wrong_pointer();
        left--;
    }
}

/* Whether it allocates depends on the last call. */
static char *lazy;

NOINLINE static void make_lazy(void)
{
    if (!lazy)
        lazy = malloc(108);
    sink++;
}

NOINLINE void wrong_lazy(int n)
{
    make_lazy();
    sink += lazy[0] = (char)n;
    if (n % 2) {
        free(lazy);
        lazy = NULL;
    }
    sink++;
}

/* Mostly freed here; one in a hundred is handed out. */
NOINLINE static char *wrong_sometimes(int n)
{
    char *p = malloc(112);
    p[0] = (char)n;
    if (n % 100 == 7)
        return p;
    free(p);
    sink++;
    return NULL;
}

static void *free_it(void *p)
{
    free(p);
    return NULL;
}

NOINLINE void wrong_thread(int n)
{
    pthread_t thread;
    char *p = text_of(116);
    sink += p[n % 100];
    pthread_create(&thread, NULL, free_it, p);
    pthread_join(thread, NULL);
    sink++;
}

/* Freed by a callback that runs after it. */
static struct {
    void (*call)(void *);
    void *with;
} later[64];
static int later_count;

static void run_later(void)
{
    while (later_count) {
        later_count--;
        later[later_count].call(later[later_count].with);
    }
    sink++;
}

NOINLINE void wrong_callback(int n)
{
    char *p = malloc(120);
    p[0] = (char)n;
    later[later_count].call = free;
    later[later_count++].with = p;
    sink++;
}

static jmp_buf back;

NOINLINE static void wrong_longjmp(int n)
{
    kept = realloc(kept, 100);
    char **p = malloc(136);
    p[0] = kept;
    static char **left;
    free(left);
    left = p;
    if (n >= 0)
        longjmp(back, 1);
    sink++;
}

NOINLINE static void jump(int n)
{
    if (setjmp(back) == 0)
        wrong_longjmp(n);
    sink++;
}

/* Coroutines, one after another on the same stack: each frees the block of the one before. */
static ucontext_t main_context, coroutine;
static char *handed;
static char coroutine_stack[64 * 1024];

NOINLINE static void wrong_coroutine(void)
{
    free(handed);
    handed = malloc(152);
    handed[0] = 1;
    sink++;
}

static void be_coroutine(void)
{
    wrong_coroutine();
}

NOINLINE static void switch_to(void)
{
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = coroutine_stack;
    coroutine.uc_stack.ss_size = sizeof coroutine_stack;
    coroutine.uc_link = &main_context;
    makecontext(&coroutine, be_coroutine, 0);
    swapcontext(&main_context, &coroutine);
    sink++;
}

/* A tail call: the function that frees reuses the frame of the one that allocates. In the source it is a call
 * like any other. */
static char *passed_on;

NOINLINE static void free_passed(char *p)
{
    sink++;
    free(p);
    sink++;
}

NOINLINE __attribute__((optimize("O2"))) void right_tail_call(void)
{
    passed_on = malloc(168);
    passed_on[0] = 1;
    free_passed(passed_on);
}

/* Here the free is a tail call too, but of the block of the call before. */
static char *passed_before;

NOINLINE __attribute__((optimize("O2"))) void wrong_tail_call(void)
{
    char *before = passed_before;
    passed_before = malloc(296);
    passed_before[0] = 1;
    free(before);
}

/* The simplest case: free itself is the tail call. */
NOINLINE __attribute__((optimize("O2"))) void right_free_last(int n)
{
    char *p = malloc(312);
    memset(p, n, 312);
    sink += p[3];
    free(p);
}

/* A call frees what its caller has allocated: the caller is still active. */
NOINLINE static void right_recursion(int depth, char *from_outside)
{
    char *p = malloc(184);
    p[0] = (char)depth;
    free(from_outside);
    if (depth > 0)
        right_recursion(depth - 1, p);
    else
        free(p);
    sink++;
}

/* A caller frees what the deeper call has allocated. */
NOINLINE static char *wrong_recursion(int depth)
{
    char *p = malloc(216);
    p[0] = (char)depth;
    if (depth > 0)
        free(wrong_recursion(depth - 1));
    sink++;
    return p;
}

NOINLINE static void begin_recursion(int n)
{
    right_recursion(n % 4, NULL);
    free(wrong_recursion(n % 4));
    sink++;
}

/* The C library calls it again and again; each call frees what the call before has allocated. */
NOINLINE static void wrong_at_exit(void)
{
    static char *before;
    char *p = malloc(328);
    p[0] = 1;
    free(before);
    before = p;
    sink++;
}

static char *texts[2];

NOINLINE static void do_each(int n)
{
    int result = 0;
    right_stack(n);
    right_stack_of_caller(n);
    right_stack_with_result(n, &result);
    right_reuse(n);
    right_arena(n);
    right_pool(n);
    drop_message(n);
    right_fewer(n);
    right_layout(n);
    wrong_global(n);
    wrong_global_late(n);
    wrong_lazy(n);
    char *p = wrong_sometimes(n);
    free(p);
    wrong_callback(n);
    if (n % 8 == 0)
        run_later();
    jump(n);
    switch_to();
    right_tail_call();
    right_free_last(n);
    wrong_tail_call();
    begin_recursion(n);
}

int main(int count, char **arguments)
{
    int times = count > 1 ? atoi(arguments[1]) : 2000;
    for (int n = 0; n < 200; n++)
        atexit(wrong_at_exit);
    for (int n = 0; n < times; n++)
        do_each(n);
    left = times;
    call_unseen();
    for (int n = 0; n < times / 20; n++) {
        right_begin_large(n);
        wrong_thread(n);
        texts[0] = strdup("");
        texts[1] = NULL;
        for (int i = 0; i < 40; i++) {
            texts[0] = right_builder(texts[0], "more");
            texts[1] = right_builder_in_place(texts[1], "some more");
        }
        free(texts[0]);
        free(texts[1]);
    }
    return 0;
}
