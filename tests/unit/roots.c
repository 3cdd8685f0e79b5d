/* roots: what the collector finds in scanned arenas and in pools, against a model that knows what is reached;
 * with threads, and around fork. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include <weir/arena.h>
#include <weir/gc.h>
#include <weir/pool.h>

#include "runtime/collect/gc.h"
#include "runtime/heap/cycle.h"
#include "runtime/os/options.h"
#include "runtime/os/cpu.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

/* Nothing is to be collected but where a test says so: what is freed is not used again while we look. */
static void begin(void)
{
    weir_gc_disable();
    weir_gc_free(weir_gc_alloc(1));
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
}

static const weir_arena_options scanned = {.scan = true};

typedef struct link {
    struct link *next;
    void *object;
    uint64_t number;
} link_t;

/* --- arenas --- */

__attribute__((noinline)) static hidden_t put_in_arena(weir_arena *arena, size_t size)
{
    link_t *link = weir_arena_alloc(arena, size);
    cr_assert_not_null(link);
    link->object = weir_gc_alloc(48);
    return hide(link->object);
}

Test(roots, a_scanned_arena_keeps_what_it_points_to, .init = begin)
{
    weir_arena *arena = weir_arena_new(&scanned), *plain = weir_arena_new(NULL);
    hidden_t small = put_in_arena(arena, 100), large = put_in_arena(arena, 100000);
    hidden_t none = put_in_arena(plain, 100);
    collect();
    cr_expect(is_alive(small));
    cr_expect(is_alive(large));
    cr_expect_not(is_alive(none), "an arena is not looked into unless it was made so");
    weir_arena_free(arena);
    collect();
    cr_expect_not(is_alive(small));
    cr_expect_not(is_alive(large));
    weir_arena_free(plain);
}

Test(roots, what_is_rewound_keeps_nothing, .init = begin)
{
    weir_arena *arena = weir_arena_new(&scanned);
    enum { OBJECTS = 500 };
    hidden_t before = put_in_arena(arena, 40), after[OBJECTS];
    weir_arena_place place = weir_arena_mark(arena);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < OBJECTS; i++)
            after[i] = put_in_arena(arena, 40 + i * 7);
        collect();
        for (size_t i = 0; i < OBJECTS; i++)
            cr_assert(is_alive(after[i]), "%zu", i);
        weir_arena_rewind(arena, place);
        put_in_arena(arena, 5000); /* uses a block again in which pointers were */
        collect();
        size_t kept = 0;
        for (size_t i = 0; i < OBJECTS; i++)
            kept += is_alive(after[i]);
        cr_expect_leq(kept, 2, "%zu", kept);
        cr_expect(is_alive(before));
    }
    weir_arena_free(arena);
}

Test(roots, a_scanned_arena_in_the_caller_s_memory, .init = begin)
{
    static char memory[4096];
    weir_arena_options wanted = {
        .scan = true, .first_block = memory + 8, .first_block_size = sizeof memory - 8};
    memset(memory, 0xff, sizeof memory);
    weir_arena *arena = weir_arena_new(&wanted);
    hidden_t p = put_in_arena(arena, 100), q = put_in_arena(arena, 10000);
    collect();
    cr_expect(is_alive(p));
    cr_expect(is_alive(q));
    weir_arena_free(arena);
}

Test(roots, adopted_arenas_stay_roots, .init = begin)
{
    weir_arena *into = weir_arena_new(NULL), *from = weir_arena_new(&scanned);
    weir_arena_alloc(into, 1000);
    hidden_t p = put_in_arena(from, 100), q = put_in_arena(from, 50000);
    weir_arena_adopt(into, from);
    hidden_t r = put_in_arena(into, 100);
    collect();
    cr_expect(is_alive(p));
    cr_expect(is_alive(q));
    cr_expect(is_alive(r));
    weir_arena_free(into);
    collect();
    cr_expect_not(is_alive(q));
}

Test(roots, a_checked_arena_may_be_scanned, .init = begin)
{
    weir_arena *arena = weir_arena_new(&(weir_arena_options){.scan = true, .check = true});
    weir_arena_place place = weir_arena_mark(arena);
    for (int i = 0; i < 20; i++) {
        hidden_t p = put_in_arena(arena, 100), q = put_in_arena(arena, 30000);
        collect();
        cr_expect(is_alive(p));
        cr_expect(is_alive(q));
        weir_arena_rewind(arena, place);
        collect();
    }
    weir_arena_free(arena);
}

/* A random history of arenas, with marks, against a model: a stack of objects for each, all of which live. */
enum { ARENAS = 6, DEPTH = 400, MARKS = 8 };
static struct model {
    weir_arena *arena;
    size_t count, marks;
    hidden_t objects[DEPTH];
    size_t mark_count[MARKS];
    weir_arena_place places[MARKS];
} models[ARENAS];

static void model_check(void)
{
    collect();
    for (size_t a = 0; a < ARENAS; a++)
        for (size_t i = 0; i < models[a].count; i++)
            cr_assert(is_alive(models[a].objects[i]), "arena %zu, object %zu", a, i);
}

static void model_step(struct model *model, uint64_t *random)
{
    switch (random_below(random, 12)) {
    case 0:
        if (model->marks < MARKS) {
            model->mark_count[model->marks] = model->count;
            model->places[model->marks++] = weir_arena_mark(model->arena);
        }
        break;
    case 1:
        if (model->marks > 0) {
            model->count = model->mark_count[--model->marks];
            weir_arena_rewind(model->arena, model->places[model->marks]);
        }
        break;
    case 2:
        if (random_below(random, 8) == 0) {
            weir_arena_free(model->arena);
            model->arena = weir_arena_new(&scanned);
            model->count = model->marks = 0;
        }
        break;
    case 3:
        weir_arena_release(model->arena);
        model->count = model->marks = 0;
        break;
    default:
        for (size_t i = 0; i < 20 && model->count < DEPTH; i++)
            model->objects[model->count++] =
                put_in_arena(model->arena, sizeof(link_t) + random_below(random, i ? 300 : 20000));
    }
}

Test(roots, random_arenas_against_a_model, .init = begin)
{
    uint64_t random = 7;
    for (size_t a = 0; a < ARENAS; a++)
        models[a].arena = weir_arena_new(&scanned);
    for (int step = 0; step < 1500; step++) {
        model_step(&models[random_below(&random, ARENAS)], &random);
        if (step % 10 == 0)
            model_check();
    }
    for (size_t a = 0; a < ARENAS; a++)
        weir_arena_free(models[a].arena);
}

/* --- pools --- */

static atomic_int dropped;
static _Atomic uint64_t last_dropped;

static void drop_counted(void *ctx, void *p)
{
    const link_t *link = p, *inner = link->object;
    CHECK(weir_gc_base(p) == p, "it was freed before it was dropped");
    CHECK(!inner || (weir_gc_base(inner) == inner && inner->number == link->number), "what it points to was");
    last_dropped = link->number;
    dropped++;
    (void)ctx;
}

/* A collected object with another one, both only in the pool. */
typedef struct two {
    hidden_t outer, inner;
} two_t;

__attribute__((noinline)) static two_t put_in_pool(weir_pool *pool, uint64_t number)
{
    link_t *outer = weir_gc_alloc(sizeof *outer), *inner = weir_gc_alloc(sizeof *inner);
    outer->object = inner;
    outer->number = inner->number = number;
    weir_pool_put(pool, outer);
    return (two_t){hide(outer), hide(inner)};
}

static void cycle(void)
{
    clear_stack();
    cr_assert(cycle_run(CYCLE_FORCED));
}

/* As in Go: alive after one collection, gone after the next, with what it points to. */
Test(roots, what_is_in_a_pool_survives_one_cycle_and_not_two, .init = begin)
{
    weir_pool *pool = weir_pool_new(NULL);
    enum { OBJECTS = 300 };
    two_t two[OBJECTS];
    for (size_t i = 0; i < OBJECTS; i++)
        two[i] = put_in_pool(pool, i);
    cycle();
    for (size_t i = 0; i < OBJECTS; i++)
        cr_assert(is_alive(two[i].outer) && is_alive(two[i].inner), "%zu", i);
    cycle();
    size_t kept = 0;
    for (size_t i = 0; i < OBJECTS; i++)
        kept += is_alive(two[i].outer) + is_alive(two[i].inner);
    cr_expect_leq(kept, 8, "%zu", kept);
    weir_pool_stats stats;
    weir_read_pool_stats(pool, &stats);
    cr_expect_eq(stats.held, 0);
    cr_expect_eq(stats.drops, OBJECTS);
    weir_pool_free(pool);
}

Test(roots, what_is_dropped_is_whole_when_it_is, .init = begin)
{
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.drop = drop_counted});
    for (uint64_t i = 0; i < 500; i++)
        put_in_pool(pool, i);
    cycle();
    cr_expect_eq(dropped, 0);
    cycle();
    cr_expect_eq(dropped, 500);
    enum { MORE = 20 };
    two_t two[MORE];
    for (size_t i = 0; i < MORE; i++)
        two[i] = put_in_pool(pool, i);
    weir_pool_free(pool);
    cr_expect_eq(dropped, 500 + MORE);
    collect();
    size_t kept = 0; /* a register may still hold the last */
    for (size_t i = 0; i < MORE; i++)
        kept += is_alive(two[i].inner);
    cr_expect_leq(kept, 1, "%zu", kept);
}

Test(roots, an_object_comes_back_whole, .init = begin)
{
    weir_pool *pool = weir_pool_new(NULL);
    for (uint64_t i = 0; i < 200; i++)
        put_in_pool(pool, i);
    for (int i = 0; i < 200; i++) {
        if (i % 100 == 50)
            cycle();
        link_t *link = weir_pool_get(pool), *inner = link ? link->object : NULL;
        cr_assert_not_null(link);
        cr_assert_eq(weir_gc_base(link), link);
        cr_assert_eq(inner->number, link->number);
    }
    weir_pool_free(pool);
}

static void *keep_context(void *ctx)
{
    return ctx;
}

__attribute__((noinline)) static hidden_t pool_with_context(weir_pool **pool)
{
    void *ctx = weir_gc_alloc(32);
    *pool = weir_pool_new(&(weir_pool_options){.new_object = keep_context, .ctx = ctx});
    return hide(ctx);
}

Test(roots, the_context_of_a_pool_is_a_root, .init = begin)
{
    weir_pool *pool;
    hidden_t ctx = pool_with_context(&pool);
    collect();
    cr_expect(is_alive(ctx));
    weir_pool_free(pool);
    collect();
    cr_expect_not(is_alive(ctx));
}

static void begin_checked(void)
{
    begin();
    options.poolcheck = OPTIONS_POOLCHECK_ON;
}

Test(roots, a_checked_pool_keeps_what_it_holds, .init = begin_checked)
{
    weir_pool *pool = weir_pool_new(NULL),
              *dropping = weir_pool_new(&(weir_pool_options){.drop = drop_counted});
    two_t two = put_in_pool(pool, 1);
    put_in_pool(dropping, 2);
    cycle();
    cr_expect(is_alive(two.outer));
    cr_expect(is_alive(two.inner));
    link_t *link = weir_pool_get(pool);
    cr_expect_eq(((link_t *)link->object)->number, 1);
    weir_pool_put(pool, link);
    link = NULL;
    cycle();
    cycle();
    cr_expect_eq(dropped, 1);
    cr_expect_not(is_alive(two.inner) && is_alive(two.outer));
    weir_pool_free(pool);
    weir_pool_free(dropping);
}

Test(roots, the_base_is_known_before_the_first_collection)
{
    char *p = weir_gc_alloc(100);
    p = weir_gc_alloc(100); /* not the first of its span */
    cr_expect_eq(weir_gc_base(p + 50), p);
}

/* --- threads: objects pass through a pool and through arenas while others collect --- */

static weir_pool *shared_pool;
static atomic_bool stop;
enum { WORKERS = 4, ROUNDS = WATCHED ? 200 : 3000 };

static link_t *make_link(uint64_t number)
{
    link_t *link = weir_gc_alloc(sizeof *link), *inner = weir_gc_alloc(sizeof *inner);
    CHECK(link && inner);
    inner->number = link->number = number;
    link->object = inner;
    return link;
}

static void check_link(const link_t *link)
{
    const link_t *inner = link->object;
    CHECK(weir_gc_base(link) == link && weir_gc_base(inner) == inner, "freed");
    CHECK(inner->number == link->number, "%lu, %lu", inner->number, link->number);
}

static void work(size_t number)
{
    uint64_t random = number + 1;
    weir_arena *arena = weir_arena_new(&scanned);
    for (int round = 0; round < ROUNDS; round++) {
        link_t **list = weir_arena_alloc_zeroed(arena, 40 * sizeof *list);
        size_t count = 1 + random_below(&random, 40);
        for (size_t i = 0; i < count; i++) {
            list[i] = weir_pool_get(shared_pool);
            if (!list[i])
                list[i] = make_link(random_next(&random));
            check_link(list[i]);
        }
        if (round % 50 == 0)
            weir_gc();
        for (size_t i = 0; i < count; i++) {
            check_link(list[i]);
            weir_pool_put(shared_pool, list[i]);
        }
        if (round % 64 == 63)
            weir_arena_reset(arena);
    }
    weir_arena_free(arena);
}

/* --- what threads keep for themselves --- */

enum { FEW_KEYS = 3, MANY_KEYS = 200 };
static pthread_key_t keys[MANY_KEYS];
static void (*set_in_library)(void *);
static void *(*get_from_library)(void);

static void open_library(void)
{
    void *library = dlopen(TLS_MODULE, RTLD_NOW);
    CHECK(library);
    set_in_library = (void (*)(void *))(uintptr_t)dlsym(library, "tls_set");
    get_from_library = (void *(*)(void))(uintptr_t)dlsym(library, "tls_get");
    for (int i = 0; i < MANY_KEYS; i++)
        CHECK(pthread_key_create(&keys[i], NULL) == 0);
}

typedef struct keeper {
    hidden_t in_library, in_few, in_many, in_none;
    atomic_bool ready, stop;
} keeper_t;

__attribute__((noinline)) static void keep_all(keeper_t *keeper)
{
    void *objects[4];
    for (int i = 0; i < 4; i++)
        objects[i] = weir_gc_alloc(48);
    set_in_library(objects[0]);
    pthread_setspecific(keys[FEW_KEYS], objects[1]);
    pthread_setspecific(keys[MANY_KEYS - 1], objects[2]);
    keeper->in_library = hide(objects[0]);
    keeper->in_few = hide(objects[1]);
    keeper->in_many = hide(objects[2]);
    keeper->in_none = hide(objects[3]);
    memset(objects, 0, sizeof objects);
}

static void *keep_in_thread(void *argument)
{
    keeper_t *keeper = argument;
    keep_all(keeper);
    clear_stack();
    cpu_clear_vectors();
    keeper->ready = true;
    while (!keeper->stop)
        usleep(1000);
    pthread_setspecific(keys[FEW_KEYS], NULL);
    pthread_setspecific(keys[MANY_KEYS - 1], NULL);
    return NULL;
}

static void expect_kept(const keeper_t *keeper)
{
    cr_expect(is_alive(keeper->in_library));
    cr_expect(is_alive(keeper->in_few));
    cr_expect(is_alive(keeper->in_many));
}

/* In the thread that collects and in another one. */
Test(roots, thread_local_variables_of_late_libraries_and_values_of_all_keys, .init = begin)
{
    static keeper_t here, there;
    pthread_t thread;
    open_library();
    keep_all(&here);
    pthread_create(&thread, NULL, keep_in_thread, &there);
    while (!there.ready)
        usleep(1000);
    collect();
    collect();
    expect_kept(&here);
    expect_kept(&there);
    cr_expect_not(is_alive(there.in_none), "else this test tells nothing");
    there.stop = true;
    pthread_join(thread, NULL);
    set_in_library(NULL);
    collect();
    cr_expect_not(is_alive(here.in_library));
}

extern char **environ;

__attribute__((noinline)) static hidden_t put_in_environment(void)
{
    char *variable = weir_gc_alloc_noscan(48);
    strcpy(variable, "A=variable");
    environ[0] = variable;
    return hide(variable);
}

Test(roots, the_environment_as_it_was_given_is_a_root, .init = begin)
{
    if (!environ || !environ[0])
        return;
    uintptr_t here;
    if ((uintptr_t)environ < (uintptr_t)&here)
        cr_skip_test(
            "the environment was moved: modules/scope.c adds to it, where the runner has not done so");
    hidden_t variable = put_in_environment();
    collect();
    cr_expect(is_alive(variable));
}

Test(roots, threads_pass_objects_through_pools_and_arenas)
{
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
    shared_pool = weir_pool_new(&(weir_pool_options){.drop = drop_counted});
    threads_run(WORKERS, work);
    weir_pool_free(shared_pool);
}

/* --- fork --- */

static void *keep_collecting(void *argument)
{
    while (!stop)
        weir_gc();
    return argument;
}

static void *keep_making_arenas(void *argument)
{
    while (!stop) {
        weir_arena *arena = weir_arena_new(&scanned);
        *(void **)weir_arena_alloc(arena, 16) = weir_gc_alloc(16);
        weir_arena_free(arena);
    }
    return argument;
}

static void child_run(weir_arena *arena, weir_pool *pool)
{
    link_t **held = weir_arena_alloc(arena, sizeof *held);
    *held = make_link(1);
    weir_pool_put(pool, make_link(2));
    clear_stack();
    weir_gc();
    check_link(*held);
    link_t *link = weir_pool_get(pool);
    CHECK(link);
    check_link(link);
    weir_arena_free(arena);
    _exit(0);
}

Test(roots, fork_between_collections)
{
    pthread_t collector, maker;
    weir_arena *arena = weir_arena_new(&scanned);
    weir_pool *pool = weir_pool_new(NULL);
    pthread_create(&collector, NULL, keep_collecting, NULL);
    pthread_create(&maker, NULL, keep_making_arenas, NULL);
    for (int i = 0; i < 60; i++) {
        pid_t child = fork();
        if (child == 0)
            child_run(arena, pool);
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0, "child %d", i);
    }
    stop = true;
    pthread_join(collector, NULL);
    pthread_join(maker, NULL);
    weir_pool_free(pool);
    weir_arena_free(arena);
}

/* --- what cannot be found --- */

/* A filter that refuses a system call. */
static bool deny(unsigned number)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT(filter), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static ucontext_t here, there;
static hidden_t on_stack, nowhere;
static size_t alive_on_stack, alive_nowhere;

/* On a stack that nobody has registered, of which the mappings would have to be asked. */
static void on_unknown_stack(void)
{
    void *volatile object = weir_gc_alloc(48);
    on_stack = hide(object);
    nowhere = hide(weir_gc_alloc(48));
    collect();
    alive_on_stack = is_alive(on_stack);
    alive_nowhere = is_alive(nowhere);
    *(volatile char *)object = 1;
}

static void run_on_unknown_stack(void)
{
    static char *stack;
    if (!stack)
        stack = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = MIB(1);
    there.uc_link = &here;
    makecontext(&there, on_unknown_stack, 0);
    swapcontext(&here, &there);
}

Test(roots, where_not_all_are_found_nothing_is_freed, .init = begin)
{
    if (SANITIZED)
        cr_skip_test("their own stacks and files");
    run_on_unknown_stack();
    cr_expect(alive_on_stack);
    if (!deny(SYS_openat))
        cr_skip_test("no seccomp");
    for (int i = 0; i < 3; i++) {
        run_on_unknown_stack();
        cr_expect(alive_on_stack);
        cr_expect(alive_nowhere, "a root may lead there");
    }
}
