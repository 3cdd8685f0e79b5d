/* exhaust: memory runs out at every place in turn, through every public function, as SQLite tests it. Each
 * call succeeds or gives the error that its manual names. Nothing is lost or damaged, and when there is
 * memory again all works.
 *
 * Memory runs out in two ways, for each N in a new process: the hard limit leaves room for N pages more, N
 * from 0 until the scenario gets all it asks for; or the Nth request to reserve or commit memory is refused
 * (the linker replaces os_reserve and os_commit by functions of this file).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <weir.h>

#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "tests/unit/support.h"

/* --- the system says no --- */

static int refuse_at; /* the request to refuse, counted from 1; 0: none */
static int questions;
static bool was_refused;

void *__real_os_reserve(size_t size, size_t alignment);
bool __real_os_commit(void *memory, size_t size);
void *__wrap_os_reserve(size_t size, size_t alignment);
bool __wrap_os_commit(void *memory, size_t size);

static bool is_refused(void)
{
    bool refused = refuse_at && ++questions == refuse_at;
    was_refused |= refused;
    return refused;
}

void *__wrap_os_reserve(size_t size, size_t alignment)
{
    return is_refused() ? NULL : __real_os_reserve(size, alignment);
}

bool __wrap_os_commit(void *memory, size_t size)
{
    return !is_refused() && __real_os_commit(memory, size);
}

/* --- the scenario --- */

static size_t refusals; /* calls that gave an error */

/* A call has returned: success, or the error that is documented. */
static bool got(bool success)
{
    if (success)
        return true;
    CHECK(errno == ENOMEM, "errno %d", errno);
    refusals++;
    errno = 0;
    return false;
}

static void manual(void)
{
    static const size_t sizes[] = {0, 1, 100, 5000, 40000, 300000, MIB(3)};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *p = weir_malloc(sizes[i]), *q;
        if (got(p != NULL))
            memset(p, 'p', sizes[i]);
        q = weir_realloc(p, sizes[i] * 2 + 1);
        if (got(q != NULL)) {
            CHECK(!p || sizes[i] == 0 || (q[0] == 'p' && q[sizes[i] - 1] == 'p'));
            p = q;
        } else {
            CHECK(!p || sizes[i] == 0 || (p[0] == 'p' && p[sizes[i] - 1] == 'p'), "lost its contents");
        }
        weir_free(p);
        p = weir_calloc(sizes[i], 3);
        if (got(p != NULL))
            CHECK(is_zero(p, sizes[i] * 3));
        weir_free(p);
        p = weir_aligned_alloc(4096, sizes[i]);
        if (got(p != NULL))
            CHECK((uintptr_t)p % 4096 == 0);
        weir_free_sized(p, sizes[i]);
    }
    void *buffer = weir_buffer_pool_get(1000);
    got(buffer != NULL);
    weir_buffer_pool_put(buffer);
}

static int cleanups_noted, cleanups_run;

static void note_cleanup(void *unused)
{
    (void)unused;
    cleanups_run++;
}

static void arenas(void)
{
    weir_arena *arena = weir_arena_new(NULL);
    if (!got(arena != NULL))
        return;
    weir_arena *child = weir_arena_new(&(weir_arena_options){.parent = arena});
    got(child != NULL);
    weir_builder builder = weir_builder_on(arena, 10);
    weir_array array = weir_array_on(arena, 24, 0);
    size_t added = 0, printed = 0;
    for (int i = 0; i < 300; i++) {
        char *p = weir_arena_alloc(arena, 500);
        if (got(p != NULL))
            memset(p, 'a', 500);
        char *q = weir_arena_resize(arena, p, p ? 500 : 0, 900);
        if (got(q != NULL) && p)
            CHECK(q[0] == 'a' && q[499] == 'a');
        cleanups_noted += got(weir_arena_cleanup(arena, note_cleanup, NULL));
        got(weir_arena_strdup(arena, "a string") != NULL);
        got(weir_arena_printf(arena, "%d", i) != NULL);
        got(weir_arena_alloc_aligned(arena, 256, 10) != NULL);
        got(weir_arena_alloc_zeroed(arena, 100) != NULL);
        printed += got(weir_builder_add(&builder, "0123456789", 10));
        uint64_t *item = weir_array_push(&array);
        if (got(item != NULL))
            *item = added++;
        if (child)
            got(weir_arena_memdup(child, "bytes", 6) != NULL);
    }
    CHECK(builder.length == 10 * printed && array.count == added);
    for (size_t i = 0; i < added; i++)
        CHECK(*(uint64_t *)weir_array_at(&array, i) == i);
    char *text = weir_builder_string(&builder);
    CHECK(!text || strlen(text) == 10 * printed);
    weir_arena_free(arena);
    CHECK(cleanups_run == cleanups_noted, "%d of %d", cleanups_run, cleanups_noted);
}

static void shared_arenas(void)
{
    weir_shared_arena *arena = weir_shared_arena_new(NULL);
    if (!got(arena != NULL))
        return;
    for (int i = 0; i < 200; i++) {
        char *p = weir_shared_arena_alloc(arena, i % 10 ? 100 : 20000);
        if (got(p != NULL))
            memset(p, 's', i % 10 ? 100 : 20000);
        got(weir_shared_arena_strdup(arena, "a string") != NULL);
    }
    weir_shared_arena_free(arena);
}

static int made, dropped;

static void *new_object(void *unused)
{
    (void)unused;
    void *p = weir_malloc(200);
    made += p != NULL;
    return p;
}

static void drop_object(void *unused, void *p)
{
    (void)unused;
    weir_free(p);
    dropped++;
}

/* An object that the pool has no memory to keep is dropped. */
static void pools(void)
{
    enum { OBJECTS = 400 };
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.new_object = new_object, .drop = drop_object});
    if (!got(pool != NULL))
        return;
    void *objects[OBJECTS];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < OBJECTS; i++)
            got((objects[i] = weir_pool_get(pool)) != NULL);
        for (size_t i = 0; i < OBJECTS; i++)
            weir_pool_put(pool, objects[i]);
    }
    weir_pool_free(pool);
    CHECK(made == dropped, "%d made, %d dropped", made, dropped);
}

static void note_gone(void *unused)
{
    (void)unused; /* on another thread */
}

static void collected(void)
{
    static void *volatile root;
    for (size_t i = 0; i < 200; i++) {
        void **p = weir_gc_alloc(i % 7 ? 100 : 50000);
        if (!got(p != NULL))
            continue;
        CHECK(is_zero(p, 100));
        p[0] = root;
        root = p;
        weir_weak *weak = weir_weak_new(p);
        if (got(weak != NULL))
            CHECK(weir_weak_get(weak) == p);
        got(weir_gc_add_cleanup(p, note_gone, NULL).id != 0);
        got(weir_gc_set_finalizer(p, NULL, NULL) == 0);
        void *larger = weir_gc_realloc(weir_gc_alloc_noscan(50), 5000);
        got(larger != NULL);
    }
    weir_weak_map *map = weir_weak_map_new();
    if (got(map != NULL) && root && got(weir_weak_map_set(map, root, "value") == 0))
        CHECK(weir_weak_map_get(map, root) != NULL);
    static void *range[8];
    if (got(weir_gc_add_roots(range, sizeof range) == 0))
        weir_gc_remove_roots(range);
    static char stack[8192];
    weir_gc_stack *registered = weir_gc_stack_add(stack, sizeof stack);
    if (got(registered != NULL))
        weir_gc_stack_remove(registered);
    weir_gc();
    for (void **p = root; p; p = p[0])
        CHECK(weir_gc_base(p) == p, "a reachable object is gone");
    root = NULL;
}

static void all(void)
{
    manual();
    arenas();
    shared_arenas();
    pools();
    collected();
}

/* --- what is asked of it --- */

static uint64_t live_blocks(void)
{
    weir_mem_stats stats;
    weir_gc();
    weir_free_os_memory();
    weir_free_os_memory();
    weir_read_mem_stats(&stats);
    return stats.heap_objects - stats.by_size[0].mallocs + stats.by_size[0].frees;
}

/* With memory again all works, and running the scenario again leaves no more live blocks. */
static void expect_recovery(void)
{
    refuse_at = 0;
    weir_set_hard_limit(WEIR_NO_LIMIT);
    made = dropped = cleanups_noted = cleanups_run = 0;
    refusals = 0;
    all();
    CHECK(refusals == 0, "%zu refusals with all memory there is", refusals);
    uint64_t blocks = live_blocks();
    for (int i = 0; i < 3; i++) {
        made = dropped = cleanups_noted = cleanups_run = 0;
        all();
    }
    CHECK(options.harden || live_blocks() <= blocks + 300, /* in quarantine blocks count as live */
          "%zu blocks, then %zu", (size_t)blocks, (size_t)live_blocks());
    verify_own();
}

static int held_now(size_t *bytes)
{
    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    *bytes = stats.sys - stats.heap_released;
    return 0;
}

/* In a process of its own; true: something was refused. */
static bool run_out(size_t pages, int question)
{
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        size_t held;
        weir_free(weir_malloc(1));
        held_now(&held);
        if (question == 0)
            weir_set_hard_limit((int64_t)(held + pages * OS_PAGE));
        refuse_at = question;
        all();
        bool refused = question ? was_refused : refusals > 0;
        expect_recovery();
        _exit(refused ? 42 : 0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 42 || WEXITSTATUS(status) == 0),
          "with %zu pages, question %d: status %#x", pages, question, status);
    return WEXITSTATUS(status) == 42;
}

/* Every page at first, where start-up and small things are; then in growing steps, of odd sizes. */
Test(exhaust, the_hard_limit_refuses_at_every_place, .disabled = SANITIZED)
{
    size_t places = 0;
    for (size_t pages = 0; run_out(pages, 0); pages += 1 + pages / 24)
        places++;
    cr_expect_gt(places, 60, "%zu", places);
}

Test(exhaust, the_system_refuses_at_every_question, .disabled = SANITIZED)
{
    int question = 1;
    while (run_out(0, question))
        question++;
    cr_expect_gt(question, 5, "%d", question);
}
