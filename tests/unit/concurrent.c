/* concurrent: marking beside the program. References are moved in each phase of a trace, by the program and
 * by the kernel, from where marking has yet to come to where it has been; random writers against a model;
 * forks, threads and frees by hand meanwhile; and every way in which the kernel may refuse. What is freed is
 * filled, and after each trace a second tracer agrees. */
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
#include <sys/wait.h>
#include <weir/event.h>
#include <weir/gc.h>
#include <weir/weak.h>

#include "runtime/collect/trace.h"
#include "runtime/collect/watch.h"
#include "runtime/heap/world.h"
#include "runtime/os/dirty.h"
#include "runtime/os/options.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

static void need_kernel(void)
{
    if (!dirty_is_supported())
        cr_skip_test(
            "this kernel cannot tell what was written (older than 6.7), or this process may not ask");
    dirty_close();
}

static void begin(void)
{
    options.gcconcurrent = OPTIONS_CONCURRENT_ALWAYS;
    options.gcverify = 1;
    options.poison = 1;
    need_kernel();
}

/* --- one act of the program, in a phase of a trace --- */

enum phase { AFTER_THE_FIRST_STOP, BEFORE_THE_LAST_STOP, PHASES };

static struct {
    enum phase phase;
    void (*act)(void);
    unsigned started, stopping; /* events of this collection so far */
    atomic_int turn;            /* 1: the act is to be done, 2: it has been */
} play;

static void on_event(void *context, const weir_event *event)
{
    (void)context;
    play.started += event->kind == WEIR_EVENT_STARTED;
    play.stopping += event->kind == WEIR_EVENT_STOP_BEGIN;
    bool now = play.phase == AFTER_THE_FIRST_STOP
                   ? event->kind == WEIR_EVENT_STARTED && play.started == 1
                   : event->kind == WEIR_EVENT_STOP_BEGIN && play.stopping == 2;
    if (!now)
        return;
    play.turn = 1;
    while (play.turn == 1)
        sched_yield();
}

static void *actor(void *argument)
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

/* A collection, in whose phase the act is done by another thread. */
static void collect_around(void (*act)(void), enum phase phase)
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

/* --- references that move --- */

enum { PLACES = 40, WORDS = 6000 /* of a large object */ };

static const uint64_t first_words[] = {1};
static const weir_type first_type = {.name = "first", .size = 32, .pointers = first_words};

/* Places that may hold a reference: words of small objects, of typed ones, at both ends of large ones. */
static void **places[PLACES];
static hidden_t moved[PLACES];

static void places_make(void)
{
    for (int i = 0; i < PLACES; i++) {
        void **object = i % 4 == 0   ? weir_gc_alloc(64)
                        : i % 4 == 1 ? weir_gc_alloc_typed(&first_type, 1)
                        : i % 4 == 2 ? weir_gc_alloc(WORDS * sizeof(void *))
                                     : weir_gc_alloc(5000);
        places[i] = i % 4 == 2 && i % 8 == 2 ? object + WORDS - 1 : object;
    }
}

static bool is_whole(hidden_t p, uint64_t number)
{
    return is_alive(p) && *(uint64_t *)reveal(p) == number;
}

__attribute__((noinline)) static void *object_new(uint64_t number)
{
    uint64_t *object = number % 5 ? weir_gc_alloc(48) : weir_gc_alloc(70000);
    object[0] = number;
    return object;
}

/* Half of them are objects' own, the other half hang on one of another object. */
__attribute__((noinline)) static void objects_make(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        *places[i] = object_new((uint64_t)i);
        moved[i] = hide(*places[i]);
    }
}

static void check_moved(void)
{
    for (int i = 0; i < PLACES / 2; i++)
        cr_expect(is_whole(moved[i], (uint64_t)i), "object %d", i);
}

static void move_all(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        *places[PLACES - 1 - i] = *places[i];
        *places[i] = NULL;
    }
}

static void move_by_pipe(void)
{
    int pipes[2];
    CHECK(pipe(pipes) == 0);
    for (int i = 0; i < PLACES / 2; i++) {
        CHECK(write(pipes[1], places[i], sizeof(void *)) == sizeof(void *));
        CHECK(read(pipes[0], places[PLACES - 1 - i], sizeof(void *)) == sizeof(void *));
        *places[i] = NULL;
    }
    close(pipes[0]);
    close(pipes[1]);
}

static void move_by_another_process(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        struct iovec from = {places[i], sizeof(void *)}, to = {places[PLACES - 1 - i], sizeof(void *)};
        CHECK(process_vm_writev(getpid(), &from, 1, &to, 1, 0) == (ssize_t)sizeof(void *));
        *places[i] = NULL;
    }
}

static void check_moves(void (*move)(void), enum phase phase)
{
    places_make();
    objects_make();
    collect_around(move, phase);
    cr_expect(trace_last()->beside);
    check_moved();
}

Test(concurrent, what_the_program_moves_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(move_all, phase);
}

Test(concurrent, what_the_kernel_moves_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        check_moves(move_by_pipe, phase);
        check_moves(move_by_another_process, phase);
    }
}

/* Objects of this trace: the moved ones are known to them alone. */
static void move_to_new(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        void **object = weir_gc_alloc(i % 3 ? 64 : 100000);
        object[i % 3 ? 7 : 10000] = *places[i];
        *places[PLACES - 1 - i] = object;
        *places[i] = NULL;
    }
}

Test(concurrent, what_new_objects_hold_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(move_to_new, phase);
}

static void make_new(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        *places[PLACES - 1 - i] = object_new((uint64_t)i);
        moved[i] = hide(*places[PLACES - 1 - i]);
    }
}

Test(concurrent, what_is_new_stays, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(make_new, phase);
}

static void realloc_all(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        *places[PLACES - 1 - i] = weir_gc_realloc(*places[i], i % 2 ? 20 : 90000);
        *places[i] = NULL;
        moved[i] = hide(*places[PLACES - 1 - i]);
    }
}

Test(concurrent, what_is_reallocated_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(realloc_all, phase);
}

static weir_weak *weak[PLACES];

static void strengthen_all(void)
{
    for (int i = 0; i < PLACES / 2; i++)
        *places[PLACES - 1 - i] = weir_weak_get(weak[i]);
}

/* A weak reference, read while the trace goes on, makes its object live. */
__attribute__((noinline)) static void weaken_all(void)
{
    objects_make();
    for (int i = 0; i < PLACES / 2; i++) {
        weak[i] = weir_weak_new(*places[i]);
        *places[i] = NULL;
    }
}

Test(concurrent, what_was_weak_is_found, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_make();
        weaken_all();
        collect_around(strengthen_all, phase);
        check_moved();
    }
}

static void free_all(void)
{
    for (int i = 0; i < PLACES / 2; i++) {
        weir_gc_free(*places[i]);
        *places[i] = NULL;
    }
}

Test(concurrent, what_is_freed_by_hand_is_gone, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_make();
        objects_make();
        collect_around(free_all, phase);
        for (int i = 0; i < PLACES / 2; i++)
            cr_expect_not(is_alive(moved[i]), "object %d", i);
        collect();
        collected_verify();
    }
}

static void free_twice(void)
{
    void *object = *places[0]; /* 70,000 bytes: its memory stays until the trace has ended */
    weir_gc_free(object);
    weir_gc_free(object);
}

Test(concurrent, a_double_free_of_a_large_object_ends_the_program, .init = begin, .signal = SIGABRT)
{
    places_make();
    objects_make();
    collect_around(free_twice, BEFORE_THE_LAST_STOP);
}

/* --- functions of types --- */

static atomic_uint calls_of_types, calls_while_running;

static void trace_first(const void *object, size_t count, void (*visit)(void *context, const void *p),
                        void *context)
{
    calls_of_types++;
    calls_while_running += !world_stopping;
    for (size_t i = 0; i < count; i++)
        visit(context, reveal(*(const hidden_t *)object));
}

static const weir_type hiding_type = {.name = "hiding", .size = 16, .trace = trace_first};

__attribute__((noinline)) static void hiding_make(size_t i, size_t count)
{
    hidden_t *hiding = weir_gc_alloc_typed(&hiding_type, count);
    *hiding = hide(object_new(i));
    *places[i] = hiding;
    moved[i] = *hiding;
}

/* They read what the program writes, so they are called in a stop alone; the first stop has none of them. */
Test(concurrent, functions_of_types_are_called_in_a_stop, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_make();
        for (size_t i = 0; i < PLACES / 2; i++)
            hiding_make(i, i % 4 ? 1 : 9000);
        collect_around(move_all, phase);
        check_moved();
    }
    cr_expect_gt(calls_of_types, 0);
    cr_expect_eq(calls_while_running, 0);
}

/* --- random writers --- */

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
    thing_t **slots[3]; /* SLOTS in all, in three objects of different sizes, known to this root */
    known_t known[SLOTS];
    uint64_t random, next;
    int pipes[2];
    bool forks; /* a child might take what is in the pipe */
} writer_t;

static writer_t writers[WRITERS];
static atomic_bool done;

static thing_t **slot_of(writer_t *writer, size_t i)
{
    return &writer->slots[i % 3][i / 3 * (i % 3 + 1) * 20];
}

static const uint64_t thing_words[] = {4};
static const weir_type thing_type = {.name = "thing", .size = sizeof(thing_t), .pointers = thing_words};

static size_t size_of_thing(writer_t *writer)
{
    size_t dice = random_below(&writer->random, 100);
    return dice < 80   ? sizeof(thing_t) + random_below(&writer->random, 100)
           : dice < 98 ? sizeof(thing_t) + random_below(&writer->random, 5000)
                       : 40000 + random_below(&writer->random, 200000);
}

static void put_new(writer_t *writer, size_t i)
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

static void check_slot(writer_t *writer, size_t i)
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
static void move(writer_t *writer, size_t from, size_t to)
{
    thing_t **source = slot_of(writer, from), **target = slot_of(writer, to);
    struct iovec local = {source, sizeof *source}, remote = {target, sizeof *target};
    switch (random_below(&writer->random, 16) + writer->forks) {
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

/* The second is known to the first alone. */
static void adopt(writer_t *writer, size_t parent, size_t child)
{
    if (parent == child || !writer->known[parent].number || writer->known[parent].child ||
        !writer->known[child].number || writer->known[child].child)
        return;
    (*slot_of(writer, parent))->child = *slot_of(writer, child);
    writer->known[parent].child = writer->known[child].number;
    *slot_of(writer, child) = NULL;
    writer->known[child] = (known_t){0};
}

static void release(writer_t *writer, size_t parent, size_t to)
{
    if (parent == to || !writer->known[parent].child)
        return;
    thing_t *thing = *slot_of(writer, parent);
    *slot_of(writer, to) = thing->child;
    writer->known[to] = (known_t){.number = writer->known[parent].child};
    thing->child = NULL;
    writer->known[parent].child = 0;
}

static void free_one(writer_t *writer, size_t i)
{
    if (!writer->known[i].number)
        return;
    weir_gc_free((*slot_of(writer, i))->child);
    weir_gc_free(*slot_of(writer, i));
    *slot_of(writer, i) = NULL;
    writer->known[i] = (known_t){0};
}

static void resize(writer_t *writer, size_t i)
{
    if (writer->known[i].number)
        *slot_of(writer, i) = weir_gc_realloc(*slot_of(writer, i), size_of_thing(writer));
}

static void step(writer_t *writer)
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

static void writer_init(size_t number)
{
    writer_t *writer = &writers[number];
    writer->random = number + 1;
    for (size_t i = 0; i < 3; i++)
        writer->slots[i] = weir_gc_alloc(SLOTS / 3 * (i + 1) * 20 * sizeof(void *));
    CHECK(pipe(writer->pipes) == 0);
}

static void check_all(writer_t *writer)
{
    for (size_t i = 0; i < SLOTS; i++)
        check_slot(writer, i);
}

static void *collect_on(void *argument)
{
    (void)argument;
    while (!done) {
        weir_gc();
        usleep(200);
    }
    return NULL;
}

static pthread_t collector_start(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, collect_on, NULL);
    return thread;
}

static void write_steps(size_t number)
{
    writer_init(number);
    for (int i = 0; i < (WATCHED ? 1000 : SANITIZED ? 10000 : 60000); i++)
        step(&writers[number]);
    check_all(&writers[number]);
}

Test(concurrent, random_writers_against_a_model, .init = begin)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    threads_run(WRITERS, write_steps);
    done = true;
    pthread_join(collector, NULL);
    cr_expect(trace_last()->beside);
    weir_gc();
    for (size_t i = 0; i < WRITERS; i++)
        check_all(&writers[i]);
}

/* Cycles begin by themselves, on a thread of the runtime's. */
static void write_until_collected(size_t number)
{
    writer_init(number);
    while (!done)
        for (int i = 0; i < 1000; i++)
            step(&writers[number]);
    check_all(&writers[number]);
}

enum { CYCLES = WATCHED ? 3 : 20 };
static atomic_uint cycles_of_others;

static void note_thread(void *context, const weir_event *event)
{
    (void)event;
    cycles_of_others += !pthread_equal(pthread_self(), *(pthread_t *)context);
    done = cycles_of_others >= CYCLES;
}

Test(concurrent, the_background_collects, .init = begin)
{
    pthread_t self = pthread_self();
    cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_COLLECTED), note_thread, &self), 0);
    write_until_collected(0);
    weir_event_unlisten(note_thread, &self);
    cr_expect_geq(cycles_of_others, CYCLES);
}

/* --- threads that come and go --- */

static void *short_life(void *argument)
{
    thing_t *list = NULL;
    for (uint64_t i = 1; i < 200; i++) {
        thing_t *thing = weir_gc_alloc(sizeof *thing);
        *thing = (thing_t){.number = i, .check = ~i, .child = list};
        list = thing;
    }
    for (const thing_t *thing = list; thing; thing = thing->child)
        CHECK(thing->check == ~thing->number);
    *(thing_t **)argument = list;
    return NULL;
}

static void start_threads(size_t number)
{
    thing_t **holder = weir_gc_alloc(sizeof(void *));
    for (int i = 0; i < (WATCHED ? 5 : 40); i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, short_life, holder);
        pthread_join(thread, NULL);
        uint64_t length = 0;
        for (const thing_t *thing = *holder; thing; thing = thing->child, length++)
            CHECK(thing->check == ~thing->number);
        CHECK(length == 199, "%zu", number);
    }
}

Test(concurrent, threads_come_and_go, .init = begin)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    threads_run(WRITERS, start_threads);
    done = true;
    pthread_join(collector, NULL);
}

/* --- forks --- */

static void check_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG);
        for (int i = 0; i < 300; i++)
            step(&writers[0]);
        weir_gc();
        check_all(&writers[0]);
        collected_verify();
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

Test(concurrent, children_of_fork_go_on_alone, .init = begin, .disabled = WATCHED)
{
    options.gcjitter = 300;
    pthread_t collector = collector_start();
    writer_init(0);
    for (int i = 0; i < (SANITIZED ? 10 : 40); i++) {
        for (int j = 0; j < 500; j++)
            step(&writers[0]);
        check_child();
    }
    done = true;
    pthread_join(collector, NULL);
}

/* A handler's fork may come in the middle of a trace: the child has no part of it. */
static volatile sig_atomic_t is_child, forks;
static volatile int bad_status;

static void fork_in_handler(int signal)
{
    (void)signal;
    if (is_child || forks >= 40 ||
        cache.no_stop) /* a section that a stop waits for: there a fork waits for the stop, too */
        return;
    int status;
    pid_t child = fork();
    is_child = child == 0;
    forks++;
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0))
        bad_status = 1;
}

static void end_as_child(void)
{
    signal(SIGALRM, SIG_DFL);
    alarm(HANG);
    weir_gc();
    for (int i = 0; i < 300; i++)
        step(&writers[0]);
    weir_gc();
    check_all(&writers[0]);
    _exit(0);
}

Test(concurrent, children_of_a_handler_have_no_half_trace, .init = begin, .disabled = SANITIZED)
{
    options.gcjitter = 300;
    sigset_t alarm, before;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, &before); /* it is for this thread alone */
    pthread_t collector = collector_start();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    writer_init(0);
    writers[0].forks = true;
    signal(SIGALRM, fork_in_handler);
    setitimer(ITIMER_REAL,
              &(struct itimerval){.it_interval = {.tv_usec = 3000}, .it_value = {.tv_usec = 3000}}, NULL);
    while (forks < 40) {
        for (int i = 0; i < 100; i++)
            step(&writers[0]);
        if (is_child)
            end_as_child();
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    if (is_child)
        end_as_child();
    done = true;
    pthread_join(collector, NULL);
    cr_expect_eq(bad_status, 0);
}

/* --- where it is not to be had --- */

static void forbid(int number)
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

static void check_in_a_stop(void)
{
    places_make();
    objects_make();
    move_all();
    collect();
    cr_expect_not(trace_last()->beside);
    cr_expect_eq(trace_last()->stops, 1);
    check_moved();
}

Test(concurrent, without_userfaultfd_the_world_stops, .init = begin)
{
    forbid(SYS_userfaultfd);
    check_in_a_stop();
}

Test(concurrent, without_a_pagemap_the_world_stops, .init = begin)
{
    forbid(SYS_ioctl);
    check_in_a_stop();
}

/* Between others that are not watched. */
Test(concurrent, with_too_much_to_note_the_world_stops, .init = begin)
{
    static void *apart[10];
    for (size_t i = 0; i < COUNT(apart); i++)
        apart[i] = i % 2 ? weir_gc_alloc(50000) : weir_gc_alloc_noscan(50000);
    watch_set_range_limit(1);
    check_in_a_stop();
    watch_set_range_limit(0);
}

Test(concurrent, switched_off_the_world_stops, .init = begin)
{
    options.gcconcurrent = OPTIONS_CONCURRENT_OFF;
    check_in_a_stop();
}

Test(concurrent, a_small_heap_is_stopped, .init = begin)
{
    options.gcconcurrent = OPTIONS_CONCURRENT_ON;
    check_in_a_stop();
}

/* As a program does that closes all descriptors which it does not know. */
static void close_userfaultfd(void)
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
    move_all();
}

Test(concurrent, a_closed_descriptor_costs_a_trace_in_the_stop, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_make();
        objects_make();
        collect_around(close_userfaultfd, phase);
        cr_expect_not(trace_last()->beside);
        cr_expect_eq(trace_last()->stops, 2);
        check_moved();
        check_moves(move_all, phase);
    }
}

/* New spans that do not fit into the list are looked through in the last stop. */
static void limit_ranges_and_move(void)
{
    watch_set_range_limit(1);
    move_to_new();
}

Test(concurrent, spans_that_are_not_watched_are_looked_through, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        check_moves(limit_ranges_and_move, phase);
        watch_set_range_limit(0);
    }
}
