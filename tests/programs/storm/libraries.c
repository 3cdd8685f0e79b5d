/* libraries: dlopen and dlclose, in several threads, of libraries with constructors, thread-local data and
 * blocks that only their data know; what a library gave outlives it. */
#include <dlfcn.h>

#include "tests/programs/storm/storm.h"

enum { LIBRARIES = 3, GIVEN = 100, GIVEN_SIZE = 300 };

typedef struct opened {
    void *handle;
    void (*check)(void), (*thread_ends)(void);
    void *(*gives)(void);
} opened_t;

typedef struct state {
    unsigned char *given[GIVEN];
    opened_t kept; /* from one step to a later one */
} state_t;

static opened_t open_one(uint64_t *random)
{
    char path[5000];
    const char *slash = strrchr(own_path, '/');
    snprintf(path, sizeof path, "%.*s/libstorm-library-%d.so", (int)(slash - own_path), own_path,
             1 + (int)below(random, LIBRARIES));
    opened_t o = {.handle = dlopen(path, below(random, 2) ? RTLD_NOW : RTLD_LAZY)};
    if (!o.handle)
        check_failed(dlerror());
    o.check = (void (*)(void))(uintptr_t)dlsym(o.handle, "library_check");
    o.thread_ends = (void (*)(void))(uintptr_t)dlsym(o.handle, "library_thread_ends");
    o.gives = (void *(*)(void))(uintptr_t)dlsym(o.handle, "library_gives");
    CHECK(o.check && o.thread_ends && o.gives);
    return o;
}

static void close_one(opened_t o)
{
    o.thread_ends();
    CHECK(dlclose(o.handle) == 0);
}

static void *uses(void *argument)
{
    opened_t *o = argument;
    for (int i = 0; i < 20; i++) {
        o->check();
        free(malloc(500));
    }
    o->thread_ends();
    return NULL;
}

static void begin(worker_t *w)
{
    w->state = calloc(1, sizeof(state_t));
    CHECK(w->state != NULL);
}

static void take(state_t *s, uint64_t *random, opened_t *o)
{
    unsigned char **place = &s->given[below(random, GIVEN)];
    if (*place) {
        CHECK(is_filled(*place, GIVEN_SIZE));
        free(*place);
    }
    *place = o->gives();
}

static void step(worker_t *w)
{
    state_t *s = w->state;
    DOING("dlopen");
    opened_t o = open_one(&w->random);
    pthread_t thread = helper_start(uses, &o, false);
    DOING("functions of a library");
    for (int i = 0; i < 5; i++) {
        o.check();
        take(s, &w->random, &o);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    DOING("dlclose");
    if (s->kept.handle) {
        s->kept.check();
        close_one(s->kept);
        s->kept.handle = NULL;
    }
    if (below(&w->random, 2))
        s->kept = o;
    else
        close_one(o);
}

static void end(worker_t *w)
{
    state_t *s = w->state;
    if (s->kept.handle)
        close_one(s->kept);
    for (int i = 0; i < GIVEN; i++) {
        CHECK(!s->given[i] || is_filled(s->given[i], GIVEN_SIZE));
        free(s->given[i]);
    }
    free(s);
}

const actor_t actor_libraries = {"libraries", 2, 40, false, begin, step, end};
