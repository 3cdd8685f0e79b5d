// shapes SHAPE: old data of one shape, and operations that make garbage beside it, for `seconds`:
//
//     list     one list of `live` bytes. An operation walks on along it.
//     stacks   `threads` threads wait, each with frames of `stack` bytes that hold pointers. An operation only makes garbage.
//     large    `live` bytes in objects of 1 MiB that are full of pointers to small ones. An operation replaces ten of the
//              small ones; every two-thousandth a large one.
//     server   `live` bytes in records. An operation is a request: a hundred objects, of which each tenth refers to a
//              record, and which are all dropped at its end; every hundredth replaces a record.
//
// shapes.go is the same in Go. cache.c and table.c are further shapes.
#include <pthread.h>

#include "node.h"
#include "speed.h"

enum { LIVE, THREADS, STACK, SECONDS, ARGUMENTS };

// ---- list ----

enum { LIST_WALK = 100 };

static struct {
    struct node *first, *at;
} list;

static void list_build(const struct argument *arguments)
{
    size_t count = arguments[LIVE].value / sizeof(struct node);
    for (uint64_t key = 0; key < count; key++)
        list.first = node_new(list.first, key);
    list.at = list.first;
}

static void list_operate(void *context, random_state *random)
{
    (void)context, (void)random;
    for (int i = 0; i < LIST_WALK; i++) {
        const struct node *node = list.at;
        if (node->next)
            node_check(node->next, node->key - 1);
        list.at = node->next ? node->next : list.first;
    }
    node_garbage();
}

// ---- stacks ----

enum { STACKS_FRAME = 64, STACKS_MAX = 1024 };

static struct {
    pthread_t threads[STACKS_MAX];
    size_t count, frames; // of each thread
    pthread_barrier_t ready, over;
} stacks;

__attribute__((noinline)) static void stacks_descend(size_t frames)
{
    struct node *kept[STACKS_FRAME];
    for (size_t i = 0; i < STACKS_FRAME; i++)
        kept[i] = node_new(NULL, frames + i);
    if (frames > 0) {
        stacks_descend(frames - 1);
    } else {
        pthread_barrier_wait(&stacks.ready);
        pthread_barrier_wait(&stacks.over);
    }
    for (size_t i = 0; i < STACKS_FRAME; i++) {
        node_check(kept[i], frames + i);
        memory_free(kept[i]);
    }
}

static void *stacks_thread(void *argument)
{
    stacks_descend(stacks.frames);
    return argument;
}

static void stacks_build(const struct argument *arguments)
{
    stacks.count = arguments[THREADS].value;
    stacks.frames = arguments[STACK].value / (STACKS_FRAME * sizeof(struct node *));
    if (stacks.count < 1 || stacks.count > STACKS_MAX)
        fail("threads=1…1024");
    pthread_barrier_init(&stacks.ready, NULL, (unsigned)stacks.count + 1);
    pthread_barrier_init(&stacks.over, NULL, (unsigned)stacks.count + 1);
    for (size_t i = 0; i < stacks.count; i++)
        if (pthread_create(&stacks.threads[i], NULL, stacks_thread, NULL))
            fail("no thread");
    pthread_barrier_wait(&stacks.ready);
}

static void stacks_operate(void *context, random_state *random)
{
    (void)context, (void)random;
    node_garbage();
}

static void stacks_end(void)
{
    pthread_barrier_wait(&stacks.over);
    for (size_t i = 0; i < stacks.count; i++)
        pthread_join(stacks.threads[i], NULL);
}

// ---- large ----

// A group is the pointers of a large object to one small one.
enum { LARGE_GROUP = 16, LARGE_GROUPS = 1 << 20 >> 3 >> 4, LARGE_REPLACED = 10, LARGE_EVERY = 2000 };

struct large_object {
    struct node *groups[LARGE_GROUPS][LARGE_GROUP];
};

static struct {
    struct large_object **objects;
    size_t count;
} large;

static void large_set(struct large_object *object, size_t group)
{
    struct node *node = node_new(NULL, group);
    for (size_t i = 0; i < LARGE_GROUP; i++)
        object->groups[group][i] = node;
}

static void large_build(const struct argument *arguments)
{
    large.count = arguments[LIVE].value / sizeof(struct large_object);
    large.objects = node_memory(large.count * sizeof(struct large_object *));
    memset(large.objects, 0, large.count * sizeof(struct large_object *));
    for (size_t i = 0; i < large.count; i++) {
        large.objects[i] = node_memory(sizeof(struct large_object));
        for (size_t group = 0; group < LARGE_GROUPS; group++)
            large_set(large.objects[i], group);
    }
}

static void large_replace(struct large_object **object)
{
    struct large_object *old = *object, *copy = node_memory(sizeof *copy);
    memcpy(copy, old, sizeof *copy);
    *object = copy;
    memory_free(old);
}

static void large_operate(void *context, random_state *random)
{
    (void)context;
    for (int i = 0; i < LARGE_REPLACED; i++) {
        struct large_object *object = large.objects[random_below(random, large.count)];
        size_t group = random_below(random, LARGE_GROUPS);
        struct node *old = object->groups[group][LARGE_GROUP - 1];
        node_check(old, group);
        large_set(object, group);
        memory_free(old);
    }
    if (random_below(random, LARGE_EVERY) == 0)
        large_replace(&large.objects[random_below(random, large.count)]);
}

// ---- server ----

enum { SERVER_OBJECTS = 100, SERVER_REFERS = 10, SERVER_EVERY = 100 };

struct server_record {
    struct node *detail;
    uint64_t key, words[6];
};

// Of a request.
struct server_object {
    struct server_object *next;
    struct server_record *record;
    uint64_t key, words[3];
};

static struct {
    struct server_record **records;
    size_t count;
} server;

static struct server_record *server_record_new(uint64_t key)
{
    struct server_record *record = node_memory(sizeof *record);
    *record = (struct server_record){.detail = node_new(NULL, key), .key = key};
    return record;
}

static void server_build(const struct argument *arguments)
{
    server.count = arguments[LIVE].value / (sizeof(struct server_record) + sizeof(struct node));
    server.records = node_memory(server.count * sizeof(struct server_record *));
    memset(server.records, 0, server.count * sizeof(struct server_record *));
    for (size_t i = 0; i < server.count; i++)
        server.records[i] = server_record_new(i);
}

static void server_replace(size_t key)
{
    struct server_record *old = server.records[key];
    server.records[key] = server_record_new(key);
    memory_free(old->detail);
    memory_free(old);
}

static struct server_object *server_begin(random_state *random)
{
    struct server_object *first = NULL;
    for (uint64_t i = 0; i < SERVER_OBJECTS; i++) {
        struct server_object *object = node_memory(sizeof *object);
        size_t key = i % SERVER_REFERS == 0 ? random_below(random, server.count) : i;
        struct server_record *record = i % SERVER_REFERS == 0 ? server.records[key] : NULL;
        *object = (struct server_object){.next = first, .record = record, .key = key};
        first = object;
    }
    return first;
}

static void server_end(struct server_object *object)
{
    while (object) {
        struct server_object *next = object->next;
        if (object->record)
            node_check(object->record->detail, object->key);
        memory_free(object);
        object = next;
    }
}

static void server_operate(void *context, random_state *random)
{
    (void)context;
    server_end(server_begin(random));
    if (random_below(random, SERVER_EVERY) == 0)
        server_replace(random_below(random, server.count));
}

// ---- all ----

static const struct shape {
    const char *name, *title;
    void (*build)(const struct argument *arguments);
    void (*operate)(void *context, random_state *random);
    void (*end)(void); // or NULL
} shapes[] = {
    {"list", "list-" MEMORY_NAME, list_build, list_operate, NULL},
    {"stacks", "stacks-" MEMORY_NAME, stacks_build, stacks_operate, stacks_end},
    {"large", "large-" MEMORY_NAME, large_build, large_operate, NULL},
    {"server", "server-" MEMORY_NAME, server_build, server_operate, NULL},
};

static const struct shape *shape_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof shapes / sizeof *shapes; i++)
        if (!strcmp(shapes[i].name, name))
            return &shapes[i];
    fail("usage: shapes list|stacks|large|server [NAME=VALUE…]");
}

int main(int argc, char **argv)
{
    struct argument arguments[ARGUMENTS] = {
        [LIVE] = {"live", 500 * MIB, "bytes of old data"},
        [THREADS] = {"threads", 64, "that wait: stacks"},
        [STACK] = {"stack", 256 * KIB, "bytes of live frames of each: stacks"},
        [SECONDS] = {"seconds", 12, "to operate for"},
    };
    const struct shape *shape = shape_of(argv[1]);
    arguments_parse(argc - 1, argv + 1, arguments, ARGUMENTS);
    memory_start();
    cycles_watch();
    shape->build(arguments);
    speed_run(shape->title, (double)arguments[SECONDS].value, shape->operate, NULL);
    if (shape->end)
        shape->end();
    return 0;
}
