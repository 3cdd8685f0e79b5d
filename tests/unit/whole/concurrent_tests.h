/* concurrent_tests: what the tests of traces beside the program share. */
#ifndef WEIR_TESTS_UNIT_CONCURRENT_TESTS_H
#define WEIR_TESTS_UNIT_CONCURRENT_TESTS_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <weir/event.h>
#include <weir/gc.h>
#include "runtime/config/options.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/process/dirty.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

static inline void need_kernel(void)
{
    if (!dirty_is_supported())
        cr_skip_test(
            "this kernel cannot tell what was written (older than 6.7), or this process may not ask");
    dirty_close();
}

static inline void begin(void)
{
    options.gcconcurrent = OPTIONS_CONCURRENT_ALWAYS;
    options.gcverify = 1;
    options.poison = 1;
    need_kernel();
}

enum phase { BEFORE_THE_FIRST_STOP, AFTER_THE_FIRST_STOP, BEFORE_THE_LAST_STOP, PHASES };

__attribute__((unused)) static struct {
    enum phase phase;
    void (*act)(void);
    unsigned started, stopping; /* events of this collection so far */
    atomic_int turn;            /* 1: the act is to be done, 2: it has been */
} play;

static inline void on_event(void *context, const weir_event *event)
{
    (void)context;
    play.started += event->kind == WEIR_EVENT_STARTED;
    play.stopping += event->kind == WEIR_EVENT_STOP_BEGIN;
    unsigned stopping = play.phase == BEFORE_THE_FIRST_STOP ? 1 : 2;
    bool now = play.phase == AFTER_THE_FIRST_STOP
                   ? event->kind == WEIR_EVENT_STARTED && play.started == 1
                   : event->kind == WEIR_EVENT_STOP_BEGIN && play.stopping == stopping;
    if (!now)
        return;
    play.turn = 1;
    while (play.turn == 1)
        sched_yield();
}

static inline void *actor(void *argument)
{
    (void)argument;
    weir_gc_attach_thread();
    while (play.turn != 1)
        sched_yield();
    play.act();
    clear_stack();
    play.turn = 2;
    return NULL;
}

/* Collect. In the given phase of the collection another thread runs `act`. */
static inline void collect_around(void (*act)(void), enum phase phase)
{
    pthread_t thread;
    play.phase = phase;
    play.act = act;
    play.started = play.stopping = 0;
    play.turn = 0;
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STARTED) | WEIR_EVENT_BIT(WEIR_EVENT_STOP_BEGIN),
                                   on_event, NULL),
                 0);
    pthread_create(&thread, NULL, actor, NULL);
    collect();
    pthread_join(thread, NULL);
    weir_event_unlisten(on_event, NULL);
}

enum { PLACES = 40, WORDS = 6000 /* of a large object */ };

__attribute__((unused)) static const uint64_t first_words[] = {1};

__attribute__((unused)) static const weir_type first_type = {
    .name = "first", .size = 32, .pointers = first_words};

/* Places that may hold a reference: words of small objects, of typed ones, at both ends of large ones. */
__attribute__((unused)) static void **places[PLACES];

__attribute__((unused)) static hidden_t moved[PLACES];

static inline void places_make(void)
{
    for (int i = 0; i < PLACES; i++) {
        void **object = i % 4 == 0   ? weir_gc_alloc(64)
                        : i % 4 == 1 ? weir_gc_alloc_typed(&first_type, 1)
                        : i % 4 == 2 ? weir_gc_alloc(WORDS * sizeof(void *))
                                     : weir_gc_alloc(5000);
        places[i] = i % 4 == 2 && i % 8 == 2 ? object + WORDS - 1 : object;
    }
}

static inline bool is_whole(hidden_t p, uint64_t number)
{
    return is_alive(p) && *(uint64_t *)reveal(p) == number;
}

__attribute__((noinline, unused)) static void *object_new(uint64_t number)
{
    uint64_t *object = number % 5 ? weir_gc_alloc(48) : weir_gc_alloc(70000);
    object[0] = number;
    return object;
}

/* Put objects into the first half of the places; the second half stays empty. */
__attribute__((noinline, unused)) static void objects_make(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        *places[i] = object_new((uint64_t)i);
        moved[i] = hide(*places[i]);
    }
}

static inline void check_moved(void)
{
    for (int i = 0; i < PLACES / 2; i++)
        cr_expect(is_whole(moved[i], (uint64_t)i), "object %d", i);
}

static inline void move_all(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        *places[PLACES - 1 - i] = *places[i];
        *places[i] = NULL;
    }
}

static inline void check_moves(void (*move)(void), enum phase phase)
{
    places_make();
    objects_make();
    collect_around(move, phase);
    cr_expect(trace_last()->beside);
    cr_expect(trace_last()->rounds_ns > 0 && trace_last()->rounds_ns <= trace_last()->beside_ns);
    check_moved();
}

/* Afterwards only objects allocated during this trace point to the moved ones. */
static inline void move_to_new(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        void **object = weir_gc_alloc(i % 3 ? 64 : 100000);
        object[i % 3 ? 7 : 10000] = *places[i];
        *places[PLACES - 1 - i] = object;
        *places[i] = NULL;
    }
}

static inline void forbid(int number)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = COUNT(program), .filter = program};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

/* As a program does that closes all descriptors which it does not know. */
static inline void close_userfaultfd(void)
{
    DIR *folder = opendir("/proc/self/fd");
    char path[300], target[64];
    for (struct dirent *entry; (entry = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length > 0 ? length : 0] = 0;
        if (strstr(target, "userfaultfd"))
            close(atoi(entry->d_name));
    }
    closedir(folder);
}

enum { WRITERS = 3, SLOTS = 300 };

/* An object, and what a model knows of one: numbers. */
typedef struct thing {
    uint64_t number, check;
    struct thing *child;
} thing_t;

typedef struct known {
    uint64_t number, child; /* 0: none */
} known_t;

typedef struct writer {
    thing_t **slots[3]; /* SLOTS in all, in three objects of different sizes; their only roots */
    known_t known[SLOTS];
    uint64_t random, next;
    int pipes[2];
    bool forks; /* a child might take what is in the pipe, or write to its parent by the pid from before */
} writer_t;

__attribute__((unused)) static writer_t writers[WRITERS];

__attribute__((unused)) static atomic_bool done;

static inline thing_t **slot_of(writer_t *writer, size_t i)
{
    return &writer->slots[i % 3][i / 3 * (i % 3 + 1) * 20];
}

__attribute__((unused)) static const uint64_t thing_words[] = {4};

__attribute__((unused)) static const weir_type thing_type = {
    .name = "thing", .size = sizeof(thing_t), .pointers = thing_words};

static inline size_t size_of_thing(writer_t *writer)
{
    size_t dice = random_below(&writer->random, 100);
    return dice < 80   ? sizeof(thing_t) + random_below(&writer->random, 100)
           : dice < 98 ? sizeof(thing_t) + random_below(&writer->random, 5000)
                       : 40000 + random_below(&writer->random, 200000);
}

static inline void put_new(writer_t *writer, size_t i)
{
    bool typed = random_below(&writer->random, 4) == 0;
    thing_t *thing = typed ? weir_gc_alloc_typed(&thing_type, 1 + random_below(&writer->random, 5))
                           : weir_gc_alloc(size_of_thing(writer));
    CHECK(thing && is_zero(thing, sizeof *thing));
    thing->number = ++writer->next;
    thing->check = ~thing->number;
    *slot_of(writer, i) = thing;
    writer->known[i] = (known_t){.number = thing->number};
}

static inline void check_slot(writer_t *writer, size_t i)
{
    const thing_t *thing = *slot_of(writer, i);
    const known_t *known = &writer->known[i];
    CHECK((thing != NULL) == (known->number != 0));
    if (!thing)
        return;
    CHECK(thing->number == known->number && thing->check == ~known->number, "%lx",
          (unsigned long)thing->number);
    CHECK((thing->child != NULL) == (known->child != 0));
    CHECK(!thing->child || (thing->child->number == known->child && thing->child->check == ~known->child));
}

/* In one of three ways; for a moment both slots have it. */
static inline void move(writer_t *writer, size_t from, size_t to)
{
    thing_t **source = slot_of(writer, from), **target = slot_of(writer, to);
    struct iovec local = {source, sizeof *source}, remote = {target, sizeof *target};
    switch (random_below(&writer->random, 16) + (writer->forks ? 2 : 0)) {
    case 0:
        CHECK(write(writer->pipes[1], source, sizeof *source) == sizeof *source);
        CHECK(read(writer->pipes[0], target, sizeof *target) == sizeof *target);
        break;
    case 1:
        CHECK(process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)sizeof *source);
        break;
    default:
        *target = *source;
    }
    writer->known[to] = writer->known[from];
    if (from != to) {
        *source = NULL;
        writer->known[from] = (known_t){0};
    }
}

/* Afterwards only the parent points to the child. */
static inline void adopt(writer_t *writer, size_t parent, size_t child)
{
    if (parent == child || !writer->known[parent].number || writer->known[parent].child ||
        !writer->known[child].number || writer->known[child].child)
        return;
    (*slot_of(writer, parent))->child = *slot_of(writer, child);
    writer->known[parent].child = writer->known[child].number;
    *slot_of(writer, child) = NULL;
    writer->known[child] = (known_t){0};
}

static inline void release(writer_t *writer, size_t parent, size_t to)
{
    if (parent == to || !writer->known[parent].child)
        return;
    thing_t *thing = *slot_of(writer, parent);
    *slot_of(writer, to) = thing->child;
    writer->known[to] = (known_t){.number = writer->known[parent].child};
    thing->child = NULL;
    writer->known[parent].child = 0;
}

static inline void free_one(writer_t *writer, size_t i)
{
    if (!writer->known[i].number)
        return;
    weir_gc_free((*slot_of(writer, i))->child);
    weir_gc_free(*slot_of(writer, i));
    *slot_of(writer, i) = NULL;
    writer->known[i] = (known_t){0};
}

static inline void resize(writer_t *writer, size_t i)
{
    if (writer->known[i].number)
        *slot_of(writer, i) = weir_gc_realloc(*slot_of(writer, i), size_of_thing(writer));
}

static inline void step(writer_t *writer)
{
    size_t i = random_below(&writer->random, SLOTS), j = random_below(&writer->random, SLOTS);
    check_slot(writer, i);
    switch (random_below(&writer->random, 20)) {
    case 0:
        resize(writer, i);
        break;
    case 1:
        free_one(writer, i);
        break;
    case 2:
    case 3:
    case 4:
        adopt(writer, i, j);
        break;
    case 5:
    case 6:
        release(writer, i, j);
        break;
    case 7:
    case 8:
    case 9:
        put_new(writer, i);
        break;
    default:
        move(writer, i, j);
    }
}

static inline void writer_init(size_t number)
{
    writer_t *writer = &writers[number];
    writer->random = number + 1;
    for (size_t i = 0; i < 3; i++)
        writer->slots[i] = weir_gc_alloc(SLOTS / 3 * (i + 1) * 20 * sizeof(void *));
    CHECK(pipe(writer->pipes) == 0);
}

static inline void check_all(writer_t *writer)
{
    for (size_t i = 0; i < SLOTS; i++)
        check_slot(writer, i);
}

static inline void writer_run(size_t number)
{
    writer_init(number);
    for (int i = 0; i < (WATCHED ? 1000 : SANITIZED ? 10000 : 60000); i++)
        step(&writers[number]);
    check_all(&writers[number]);
}

static inline void *collect_on(void *argument)
{
    (void)argument;
    while (!done) {
        weir_gc();
        usleep(200);
    }
    return NULL;
}

static inline pthread_t collector_start(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, collect_on, NULL);
    return thread;
}

/* A handler's fork may come in the middle of a trace: the child has no part of it. */
__attribute__((unused)) static volatile sig_atomic_t is_child, forks;

#endif
