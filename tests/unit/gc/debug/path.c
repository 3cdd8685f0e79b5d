/* path: known chains from each kind of root, which have to be found and named; and what has no path. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <weir.h>

#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

typedef struct link {
    struct link *next;
    uint64_t number[3];
    void *object;
} link_t;

/* Nothing is to be collected but where a test says so. */
static void begin(void)
{
    weir_gc_disable();
    weir_gc_free(weir_gc_alloc(1));
}

/* --- what was found, addresses hidden --- */

enum { STEPS = 80 };

typedef struct seen {
    char name[32]; /* of the root */
    ptrdiff_t length;
    size_t count, skipped;
    weir_path_step root;
    hidden_t objects[STEPS];
    size_t sizes[STEPS], offsets[STEPS];
} seen_t;

static bool note(void *ctx, const weir_path_step *step, size_t size)
{
    seen_t *seen = ctx;
    CHECK(size == sizeof *step);
    if (seen->count == 0) {
        CHECK(step->root != WEIR_ROOT_NONE);
        seen->root = *step;
        if (step->symbol)
            strncpy(seen->name, step->symbol, sizeof seen->name - 1);
    } else {
        CHECK(step->root == WEIR_ROOT_NONE);
        seen->objects[seen->count] = hide(step->at);
        seen->sizes[seen->count] = step->size;
        seen->offsets[seen->count] = step->offset;
    }
    seen->skipped += step->skipped;
    CHECK(++seen->count <= STEPS);
    return true;
}

/* A frame of zeros between, as for collections: tests/unit/hidden.h. */
__attribute__((noinline, no_sanitize("address"))) static void look_below(hidden_t p, seen_t *seen)
{
    volatile uintptr_t own[4] = {0};
    clear_stack();
    seen->length = weir_gc_path(reveal(p), note, seen);
    (void)own[0];
}

static seen_t look(hidden_t p)
{
    seen_t seen = {.length = 0};
    look_below(p, &seen);
    return seen;
}

static void expect_end(const seen_t *seen, hidden_t p, ptrdiff_t length)
{
    cr_assert_eq(seen->length, length, "%td objects", seen->length);
    cr_assert_eq(seen->count, (size_t)length + 1);
    cr_expect(reveal(seen->objects[length]) == reveal(p));
}

/* Expect a path of one object, from a root of this kind; the root is this word, unless that is NULL. */
static weir_path_step expect_root(hidden_t p, weir_root_kind kind, const void *word)
{
    seen_t seen = look(p);
    expect_end(&seen, p, 1);
    cr_expect_eq(seen.root.root, kind, "%d, at %p", seen.root.root, seen.root.at);
    if (word)
        cr_expect(seen.root.at == word, "%p, not %p", seen.root.at, word);
    return seen.root;
}

/* Do compilers keep copies of variables on the stack? */
#ifdef NDEBUG
enum { COPIES = SANITIZED };
#else
enum { COPIES = 1 };
#endif

/* A copy may lie in the frame that calls weir_gc_path. */
static bool nothing_leads_to(hidden_t p)
{
    seen_t seen = look(p);
    bool is_own = seen.root.root == WEIR_ROOT_STACK && seen.root.thread == (int)syscall(SYS_gettid);
    return seen.length == 0 || (COPIES && seen.length == 1 && is_own);
}

__attribute__((noinline)) static hidden_t put(void *where)
{
    void *object = weir_gc_alloc(48);
    *(void **)where = object;
    return hide(object);
}

/* --- chains --- */

static void *kept;

__attribute__((noinline)) static hidden_t make_chain(size_t count)
{
    link_t *first = weir_gc_alloc(sizeof *first), *last = first;
    while (--count > 0) {
        link_t *link = weir_gc_alloc(sizeof *link);
        last->object = link;
        last = link;
    }
    kept = first;
    return hide(last);
}

Test(path, each_object_between_is_named, .init = begin)
{
    hidden_t last = make_chain(3);
    seen_t seen = look(last);
    expect_end(&seen, last, 3);
    cr_expect_eq(seen.root.root, WEIR_ROOT_STATIC);
    cr_expect(seen.root.at == &kept);
    cr_expect_neq(seen.root.module[0], '\0');
    cr_expect(reveal(seen.objects[1]) == kept);
    for (int i = 1; i <= 3; i++) {
        cr_expect_eq(seen.sizes[i], weir_usable_size(reveal(seen.objects[i])));
        cr_expect_eq(seen.offsets[i], i < 3 ? offsetof(link_t, object) : 0, "%zu", seen.offsets[i]);
    }
    seen_t inside = look(hide((char *)reveal(last) + 20));
    expect_end(&inside, last, 3);
}

Test(path, the_shortest_is_found, .init = begin)
{
    static void *shorter;
    hidden_t last = make_chain(20);
    shorter = reveal(last);
    cr_expect(expect_root(last, WEIR_ROOT_STATIC, &shorter).at);
    shorter = NULL;
    cr_expect_eq(look(last).length, 20);
}

Test(path, of_a_long_one_the_middle_is_left_out, .init = begin)
{
    enum { LINKS = 1000, ENDS = 64 };
    hidden_t last = make_chain(LINKS);
    seen_t seen = look(last);
    cr_expect_eq(seen.length, LINKS);
    cr_expect_eq(seen.count, ENDS + 1);
    cr_expect_eq(seen.skipped, LINKS - ENDS);
    cr_expect(reveal(seen.objects[1]) == kept);
    cr_expect(reveal(seen.objects[ENDS]) == reveal(last));
}

static bool stop_at_once(void *ctx, const weir_path_step *step, size_t size)
{
    (void)step, (void)size;
    ++*(int *)ctx;
    return false;
}

Test(path, visit_may_end_it, .init = begin)
{
    int calls = 0;
    make_chain(3);
    cr_expect_eq(weir_gc_path(kept, stop_at_once, &calls), 1);
    cr_expect_eq(calls, 1);
}

/* --- roots --- */

Test(path, a_range_an_arena_a_pool, .init = begin)
{
    void **range = weir_malloc(64);
    memset(range, 0, 64);
    cr_assert_eq(weir_gc_add_roots(range, 64), 0);
    hidden_t in_range = put(&range[3]);
    cr_expect_eq(expect_root(in_range, WEIR_ROOT_RANGE, &range[3]).offset, 24);
    weir_gc_remove_roots(range);
    cr_expect(nothing_leads_to(in_range));

    weir_arena *arena = weir_arena_new(&(weir_arena_options){.scan = true, .name = "rows"});
    void **block = weir_arena_alloc_zeroed(arena, 64);
    hidden_t in_arena = put(&block[2]);
    expect_root(in_arena, WEIR_ROOT_ARENA, &block[2]);
    cr_expect_str_eq(look(in_arena).name, "rows");

    weir_pool *pool = weir_pool_new(&(weir_pool_options){.name = "buffers"});
    hidden_t in_pool = hide(weir_gc_alloc(48));
    weir_pool_put(pool, reveal(in_pool));
    expect_root(in_pool, WEIR_ROOT_POOL, NULL);
    cr_expect_str_eq(look(in_pool).name, "buffers");
    weir_pool_free(pool);
    weir_arena_free(arena);
    weir_free(range);
}

Test(path, a_suspended_stack, .init = begin)
{
    char *low = weir_malloc(KIB(16));
    memset(low, 0, KIB(16));
    weir_gc_stack *stack = weir_gc_stack_add(low, KIB(16));
    hidden_t p = put(low + KIB(16) - 64);
    expect_root(p, WEIR_ROOT_COROUTINE, low + KIB(16) - 64);
    weir_gc_stack_remove(stack);
    cr_expect(nothing_leads_to(p));
    weir_free(low);
}

static void finalizer(void *object, void *context)
{
    (void)object, (void)context;
}

__attribute__((noinline)) static hidden_t make_finalizable(hidden_t *context, hidden_t *child)
{
    link_t *link = weir_gc_alloc(sizeof *link);
    void *argument = weir_gc_alloc(48);
    *child = put(&link->object);
    *context = hide(argument);
    cr_assert_eq(weir_gc_set_finalizer(link, finalizer, argument), 0);
    return hide(link);
}

Test(path, finalizers, .init = begin)
{
    hidden_t context, child, link = make_finalizable(&context, &child);
    expect_root(context, WEIR_ROOT_FINALIZER, NULL);
    expect_root(link, WEIR_ROOT_FINALIZER, NULL);
    seen_t seen = look(child);
    expect_end(&seen, child, 2);
    cr_expect_eq(seen.root.root, WEIR_ROOT_FINALIZER);
    cr_expect_eq(seen.offsets[1], offsetof(link_t, object));
}

Test(path, through_a_weak_map, .init = begin)
{
    static weir_weak_map *map;
    map = weir_weak_map_new();
    make_chain(1);
    hidden_t value = hide(weir_gc_alloc(48));
    cr_assert_eq(weir_weak_map_set(map, kept, reveal(value)), 0);
    seen_t seen = look(value);
    expect_end(&seen, value, 2);
    cr_expect(reveal(seen.objects[1]) == kept, "it is kept by the key");
    cr_expect_eq(seen.offsets[1], SIZE_MAX);
}

static void trace_links(const void *object, size_t count, void (*visit)(void *, const void *), void *context)
{
    const link_t *links = object;
    for (size_t i = 0; i < count; i++)
        visit(context, links[i].object);
}

Test(path, through_typed_objects, .init = begin)
{
    static const uint64_t pointers[] = {1 << offsetof(link_t, object) / 8};
    static const weir_type by_bits = {"bits", sizeof(link_t), pointers, NULL},
                           by_function = {"function", sizeof(link_t), NULL, trace_links};
    link_t *links = weir_gc_alloc_typed(&by_bits, 4);
    kept = links;
    links[2].object = weir_gc_alloc_typed(&by_function, 4);
    hidden_t last = put(&((link_t *)links[2].object)[3].object);
    seen_t seen = look(last);
    expect_end(&seen, last, 3);
    cr_expect_eq(seen.offsets[1], 2 * sizeof(link_t) + offsetof(link_t, object));
    cr_expect_eq(seen.offsets[2], SIZE_MAX);
}

/* --- threads --- */

static __thread void *local;

typedef struct holder {
    hidden_t on_stack, in_local, in_key, in_register;
    pthread_key_t key;
    const void *word, *local_word;
    atomic_int thread;
    atomic_bool ready, stop;
} holder_t;

__attribute__((noinline)) static void hold_all(holder_t *holder)
{
    holder->in_local = put(&local);
    holder->in_key = hide(weir_gc_alloc(48));
    pthread_setspecific(holder->key, reveal(holder->in_key));
    holder->in_register = hide(weir_gc_alloc(48));
    holder->local_word = &local;
}

/* The loop calls nothing, so the object's address stays in a register. */
__attribute__((noinline)) static void hold_in_register(holder_t *holder)
{
    void *object = reveal(holder->in_register);
    atomic_store(&holder->ready, true);
    while (!atomic_load_explicit(&holder->stop, memory_order_relaxed))
        __asm__ volatile("" : "+r"(object));
}

static void *hold(void *argument)
{
    holder_t *holder = argument;
    void *volatile here;
    hold_all(holder);
    holder->on_stack = put((void *)&here);
    holder->word = (const void *)&here;
    holder->thread = (int)syscall(SYS_gettid);
    clear_stack();
    hold_in_register(holder);
    pthread_setspecific(holder->key, NULL);
    return here;
}

Test(path, another_thread_s_stack_registers_and_variables, .init = begin)
{
    static holder_t holder;
    pthread_t thread;
    pthread_key_create(&holder.key, NULL);
    pthread_create(&thread, NULL, hold, &holder);
    while (!holder.ready)
        usleep(1000);
    weir_path_step root = expect_root(holder.on_stack, WEIR_ROOT_STACK, holder.word);
    cr_expect_eq(root.thread, holder.thread);
    cr_expect_lt(root.offset, KIB(64));
    root = expect_root(holder.in_local, WEIR_ROOT_THREAD_LOCAL, holder.local_word);
    cr_expect_eq(root.thread, holder.thread);
    root = expect_root(holder.in_key, WEIR_ROOT_THREAD_LOCAL, NULL);
    cr_expect_eq(root.thread, holder.thread);
    seen_t seen = look(holder.in_register);
    expect_end(&seen, holder.in_register, 1);
    cr_expect(seen.root.root == WEIR_ROOT_REGISTERS || (COPIES && seen.root.root == WEIR_ROOT_STACK));
    cr_expect_eq(seen.root.thread, holder.thread);
    holder.stop = true;
    pthread_join(thread, NULL);
}

Test(path, the_caller_s_own_stack_comes_last, .init = begin)
{
    hidden_t last = make_chain(10);
    void *volatile here = reveal(last);
    cr_expect_eq(look(last).length, 10, "though this stack leads there at once");
    kept = NULL;
    seen_t seen = look(last);
    expect_end(&seen, last, 1);
    cr_expect_eq(seen.root.root, WEIR_ROOT_STACK);
    cr_expect_eq(seen.root.thread, (int)syscall(SYS_gettid));
    cr_expect(here == reveal(last));
}

static _Atomic uint64_t rounds;
static atomic_bool ended;

static void *allocate(void *argument)
{
    while (!ended) {
        link_t *link = weir_gc_alloc(sizeof *link);
        link->next = weir_gc_alloc(sizeof *link);
        rounds++;
    }
    return argument;
}

Test(path, beside_threads_that_allocate_and_collections, .init = begin)
{
    enum { THREADS = 3, LOOKS = WATCHED ? 20 : 200 };
    pthread_t threads[THREADS];
    hidden_t last = make_chain(5);
    weir_gc_enable();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, allocate, NULL);
    for (int i = 0; i < LOOKS || rounds < 1000; i++) {
        cr_assert_eq(look(last).length, 5);
        if (i % 20 == 0)
            weir_gc();
    }
    ended = true;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* --- no path --- */

static void ask_inside(void *ctx, const weir_event *event)
{
    (void)event;
    errno = 0;
    *(bool *)ctx = weir_gc_path(kept, note, NULL) == -1 && errno == EDEADLK;
}

Test(path, what_has_none, .init = begin)
{
    hidden_t garbage = hide(weir_gc_alloc(48));
    cr_expect(nothing_leads_to(garbage));
    collect();
    cr_expect_not(is_alive(garbage), "then it was right");
    void *manual = weir_malloc(48);
    errno = 0;
    cr_expect_eq(look(hide(manual)).length, -1);
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_eq(look(hide(&manual)).length, -1);
    cr_expect_eq(errno, EINVAL);
    weir_free(manual);
}

Test(path, not_from_within_a_collection, .init = begin)
{
    bool refused = false;
    make_chain(1);
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_COLLECTED), ask_inside, &refused);
    weir_gc();
    cr_expect(refused);
}

/* --- at random --- */

Test(path, one_at_random_is_of_what_takes_the_most, .init = begin)
{
    enum { LINKS = 20000, ASKED = 20 };
    int times = 0;
    make_chain(LINKS);
    for (int i = 0; i < ASKED; i++) {
        seen_t seen = look(hide(NULL));
        cr_assert_gt(seen.length, 0);
        times += seen.root.at == &kept;
    }
    cr_expect_gt(times, ASKED / 2, "%d", times);
}
