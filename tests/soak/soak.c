/* soak: the collector for a long time, under everything that a program may do at once.
 *
 * Some threads each change a graph (graph.h) at random; their roots lie in static data, on their stack, in
 * thread-local memory, or in a range that they add and remove; they give lists to each other; each lives for
 * a moment and leaves its graph to the next one; some of that moment it waits in a blocking section. The main
 * thread turns the knobs, forks now and then a child that collects and checks, and has everybody pause from
 * time to time: then
 *
 *     all that the models can reach is there and whole,
 *     what a full collection keeps is not more than that and a slack, which stale words on stacks may hold,
 *     the heap's own verifier agrees.
 *
 *     soak [minutes=30] [seconds=0] [pauses=0] [threads=8] [functions=1] [seed=…]
 *
 * With functions=0 no type has a trace function: then WEIR_DEBUG=gcyoung=always makes nearly all traces young.
 *
 * Prints a line of progress on a terminal, and one at the end. A failed check ends it with a line and
 * SIGABRT.
 */
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <weir/control.h>
#include <weir/event.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/cycle/trace.h"
#include "tests/soak/graph.h"
#include "tests/unit/support.h"

enum { THREADS_MAX = 64, LIFE = 3000 /* steps of a thread */, REACH_EVERY = 400, PARCELS = 64, LINKS = 200 };
enum { STEPS_MAX = 20000 /* of all threads, between two pauses */ };

/* One for each running thread, handed from thread to thread. Static data: the first kind of roots. */
typedef struct place {
    graph_t graph;
    void *roots[GRAPH_ROOTS];
    size_t live; /* bytes, as of the last pause */
    uint64_t lives, blocked, parcels;
} place_t;

static place_t places[THREADS_MAX];

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int running, paused; /* threads */
    bool pause, end;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct {
    uint64_t pauses, forks, young /* traces */;
    size_t most_live, most_kept; /* bytes; kept beyond live */
} result;

/* --- lists that go from thread to thread --- */

typedef struct link {
    struct link *next;
    uint64_t number;
    uint8_t *data; /* of noscan memory, 1 + number % 200 bytes */
} link_t;

static struct {
    pthread_mutex_t lock;
    link_t *lists[PARCELS];
} parcels = {.lock = PTHREAD_MUTEX_INITIALIZER};

static link_t *list_make(uint64_t *random)
{
    link_t *list = NULL;
    for (size_t count = 1 + random_below(random, LINKS); count > 0; count--) {
        link_t *link = weir_gc_alloc(sizeof *link);
        CHECK(link);
        link->number = random_next(random);
        link->next = list;
        list = link;
        link->data = weir_gc_alloc_noscan(1 + link->number % 200);
        CHECK(link->data);
        pattern_fill(link->data, 1 + link->number % 200, link->number);
    }
    return list;
}

static size_t list_check(const link_t *list)
{
    size_t bytes = 0;
    for (; list; list = list->next) {
        size_t size = 1 + list->number % 200;
        CHECK(pattern_intact(list->data, size, size, list->number));
        bytes += sizeof *list + size;
    }
    return bytes;
}

static void exchange(place_t *place)
{
    link_t *mine = list_make(&place->graph.random);
    size_t where = random_below(&place->graph.random, PARCELS);
    pthread_mutex_lock(&parcels.lock);
    link_t *theirs = parcels.lists[where];
    parcels.lists[where] = mine;
    pthread_mutex_unlock(&parcels.lock);
    list_check(theirs);
    place->parcels++;
}

/* --- a thread --- */

/* What earlier frames left on the stack: it may keep what is dead. */
__attribute__((noinline)) static void clear_stack(void)
{
    volatile char below[16384];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

static void pause_if_asked(place_t *place)
{
    if (!__atomic_load_n(&world.pause, __ATOMIC_RELAXED))
        return;
    place->live = graph_reach(&place->graph);
    clear_stack();
    pthread_mutex_lock(&world.lock);
    world.paused++;
    pthread_cond_broadcast(&world.changed);
    while (world.pause)
        pthread_cond_wait(&world.changed, &world.lock);
    world.paused--;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

static void block(place_t *place)
{
    struct timespec moment = {0, (long)random_below(&place->graph.random, 200000)};
    weir_gc_block_begin();
    nanosleep(&moment, NULL);
    weir_gc_block_end();
    place->blocked++;
}

static void live(place_t *place)
{
    for (int step = 1; step <= LIFE && !__atomic_load_n(&world.end, __ATOMIC_RELAXED); step++) {
        graph_step(&place->graph);
        if (step % REACH_EVERY == 0)
            place->live = graph_reach(&place->graph);
        if (random_below(&place->graph.random, 500) == 0)
            exchange(place);
        if (random_below(&place->graph.random, 2000) == 0)
            block(place);
        pause_if_asked(place);
    }
}

static void live_with_roots_at(place_t *place, void **roots)
{
    memcpy(roots, place->roots, sizeof place->roots);
    graph_move_roots(&place->graph, roots);
    memset(place->roots, 0, sizeof place->roots);
    live(place);
    memcpy(place->roots, roots, sizeof place->roots);
    graph_move_roots(&place->graph, place->roots);
    memset(roots, 0, sizeof place->roots);
}

static void live_with_added_roots(place_t *place)
{
    void **roots = calloc(GRAPH_ROOTS, sizeof *roots);
    CHECK(roots && weir_gc_add_roots(roots, GRAPH_ROOTS * sizeof *roots) == 0);
    live_with_roots_at(place, roots);
    weir_gc_remove_roots(roots);
    free(roots);
}

static __thread void *own_roots[GRAPH_ROOTS];

static void *thread_main(void *argument)
{
    place_t *place = argument;
    void *roots[GRAPH_ROOTS];
    weir_gc_attach_thread();
    place->lives++;
    switch (random_below(&place->graph.random, 4)) {
    case 0:
        live(place);
        break;
    case 1:
        live_with_roots_at(place, roots);
        break;
    case 2:
        live_with_roots_at(place, own_roots);
        break;
    default:
        live_with_added_roots(place);
    }
    pthread_t next;
    if (!__atomic_load_n(&world.end, __ATOMIC_RELAXED) &&
        pthread_create(&next, NULL, thread_main, place) == 0) {
        pthread_detach(next);
        return NULL;
    }
    pthread_mutex_lock(&world.lock);
    world.running--;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
    return NULL;
}

/* --- the main thread --- */

static void collect_full(void)
{
    int before = options.gcyoung;
    options.gcyoung = OPTIONS_YOUNG_OFF;
    clear_stack();
    weir_gc();
    options.gcyoung = before;
}

static void count_young(void *context, const weir_event *event)
{
    (void)context, (void)event;
    result.young += trace_last()->young;
}

/* Everybody stands still: is what the collector keeps what the models reach? Cells are larger than what was
 * asked for, and a stale word of each thread may keep some of what is dead, up to the largest object. */
static void check_live(int threads)
{
    size_t live = 0;
    for (int i = 0; i < threads; i++)
        live += places[i].live;
    for (size_t i = 0; i < PARCELS; i++)
        live += list_check(parcels.lists[i]);
    collect_full();
    size_t kept = gc_read_stats().live, slack = live / 4 + MIB(3) * (size_t)(2 + threads);
    CHECK(kept >= live, "%zu bytes kept, %zu live", kept, live);
    CHECK(kept <= live + slack, "%zu bytes kept, %zu live", kept, live);
    result.most_live = live > result.most_live ? live : result.most_live;
    result.most_kept = kept - live > result.most_kept ? kept - live : result.most_kept;
    verify_heap(cache.heap);
    collected_verify();
}

static void pause_and_check(int threads)
{
    pthread_mutex_lock(&world.lock);
    world.pause = true;
    while (world.paused < world.running)
        pthread_cond_wait(&world.changed, &world.lock);
    check_live(threads);
    result.pauses++;
    world.pause = false;
    pthread_cond_broadcast(&world.changed);
    while (world.paused > 0)
        pthread_cond_wait(&world.changed, &world.lock);
    pthread_mutex_unlock(&world.lock);
}

/* The child has all objects and none of the threads. */
static void fork_and_check(uint64_t *random)
{
    link_t *kept = list_make(random);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(HANG);
        for (int i = 0; i < 3; i++) {
            list_check(list_make(random));
            weir_gc();
        }
        list_check(kept);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with %x", status);
    list_check(kept);
    result.forks++;
}

static void turn_knobs(uint64_t *random)
{
    static const int percents[] = {25, 50, 100, 100, 200, 400};
    weir_set_gc_percent(percents[random_below(random, COUNT(percents))]);
    weir_set_memory_limit(random_below(random, 3) ? WEIR_NO_LIMIT
                                                  : (int64_t)MIB(16 + random_below(random, 200)));
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t sum(int threads, size_t field)
{
    uint64_t all = 0;
    for (int i = 0; i < threads; i++)
        all += *(const uint64_t *)((const char *)&places[i] + field);
    return all;
}

#define SUM(threads, field) ((unsigned long)sum(threads, offsetof(place_t, field)))

static void print_counts(FILE *to, int threads, double seconds)
{
    fprintf(
        to,
        "%.0f s, %d threads: %lu steps, %lu objects made, %lu freed by hand, %lu resized, %lu lists exchanged, "
        "%lu threads, %lu blocking sections, %lu forks, %lu collections, %lu of them young, %lu pauses; "
        "at most %.1f MiB live, %.1f MiB kept beyond",
        seconds, threads, SUM(threads, graph.steps), SUM(threads, graph.made), SUM(threads, graph.freed),
        SUM(threads, graph.resized), SUM(threads, parcels), SUM(threads, lives), SUM(threads, blocked),
        (unsigned long)result.forks, (unsigned long)gc_read_stats().cycles, (unsigned long)result.young,
        (unsigned long)result.pauses, (double)result.most_live / (double)MIB(1),
        (double)result.most_kept / (double)MIB(1));
}

static void start(int threads, uint64_t *random)
{
    world.running = threads;
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        places[i].graph.nodes = calloc(GRAPH_NODES, sizeof(node_t));
        CHECK(places[i].graph.nodes);
        graph_init(&places[i].graph, places[i].roots, random_next(random));
        CHECK(pthread_create(&thread, NULL, thread_main, &places[i]) == 0);
        pthread_detach(thread);
    }
}

/* Until the threads have done so much more: on a slow or busy machine too. */
static void wait_for_steps(int threads, uint64_t more)
{
    uint64_t begin = sum(threads, offsetof(place_t, graph.steps));
    while (sum(threads, offsetof(place_t, graph.steps)) - begin < more)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* For so long, or, if that is 0, until there were so many pauses. */
static void run(int threads, double seconds, uint64_t pauses, uint64_t *random)
{
    double begin = seconds_now();
    while (seconds > 0 ? seconds_now() - begin < seconds : result.pauses < pauses) {
        wait_for_steps(threads, random_below(random, STEPS_MAX));
        pause_and_check(threads);
        turn_knobs(random);
        if (random_below(random, 4) == 0 && !SANITIZED) /* a sanitizer's own locks do not survive fork */
            fork_and_check(random);
        if (isatty(STDERR_FILENO)) {
            fputs("\r\033[Ksoak: ", stderr);
            print_counts(stderr, threads, seconds_now() - begin);
        }
    }
}

/* NAME=NUMBER. */
static double argument(int argc, char **argv, const char *name, double initial)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, strlen(name)) == 0 && argv[i][strlen(name)] == '=')
            return strtod(argv[i] + strlen(name) + 1, NULL);
    return initial;
}

int main(int argc, char **argv)
{
    uint64_t pauses = (uint64_t)argument(argc, argv, "pauses", 0);
    double seconds =
        argument(argc, argv, "seconds", pauses > 0 ? 0 : 60 * argument(argc, argv, "minutes", 30));
    double begin = seconds_now();
    int threads = (int)argument(argc, argv, "threads", 8);
    uint64_t seed = (uint64_t)argument(argc, argv, "seed", (double)time(NULL)), random = seed;
    CHECK(threads >= 1 && threads <= THREADS_MAX);
    fprintf(stderr, "soak: seed=%lu\n", (unsigned long)seed);
    graph_uses_functions = argument(argc, argv, "functions", 1) != 0;
    CHECK(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_COLLECTED), count_young, NULL) == 0);
    start(threads, &random);
    run(threads, seconds, pauses, &random);
    pthread_mutex_lock(&world.lock);
    world.end = true;
    while (world.running > 0)
        pthread_cond_wait(&world.changed, &world.lock);
    pthread_mutex_unlock(&world.lock);
    for (int i = 0; i < threads; i++)
        places[i].live = graph_reach(&places[i].graph);
    check_live(threads);
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    fputs("soak: PASS ", stdout);
    print_counts(stdout, threads, seconds_now() - begin);
    puts("");
    return 0;
}
