/* event: which events come, in which order, with what in them; listeners that come and go while others are
 * told. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/control.h>
#include <weir/event.h>
#include <weir/gc.h>
#include <weir/pool.h>

#include "runtime/config/options.h"
#include "runtime/cycle/cycle.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/threads/world.h"
#include "tests/unit/support.h"

enum { MOST = 64 };
static weir_event seen[MOST];
static bool stood_still[MOST];
static size_t count;

static void note(void *context, const weir_event *event)
{
    CHECK(context == seen && event->size == sizeof *event);
    CHECK(count == 0 || event->time_ns >= seen[count - 1].time_ns);
    if (count == MOST)
        return;
    stood_still[count] = world_stopping;
    seen[count++] = *event;
}

static void begin(void)
{
    weir_gc_disable();
    weir_pool_free(weir_pool_new(NULL));
    weir_gc_free(weir_gc_alloc(100));
    weir_gc();
}

static void expect(const weir_event_kind *kinds, size_t expected)
{
    cr_assert_eq(count, expected, "%zu", count);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(seen[i].kind, kinds[i], "event %zu is %d", i, seen[i].kind);
}

static const uint32_t of_a_cycle = WEIR_EVENT_BIT(WEIR_EVENT_GOAL_CHANGED) - 1;

/* The child shares its parent's memory, locks and thread-local state, and may end at any time. */
Test(event, a_child_of_vfork_runs_no_cycle, .init = begin)
{
    static volatile bool has_run;
    cr_assert_eq(weir_event_listen(of_a_cycle, note, seen), 0);
    world_vfork_begin();
    pid_t child = vfork();
    if (child == 0) {
        has_run = cycle_run(CYCLE_FORCED);
        _exit(0);
    }
    world_vfork_end();
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect_not(has_run);
    cr_expect_eq(count, 0);
    cr_expect(cycle_run(CYCLE_FORCED), "the parent's runs");
    cr_expect_gt(count, 0);
}

Test(event, a_collection_is_told_in_order, .init = begin)
{
    static const weir_event_kind all[] = {
        WEIR_EVENT_CYCLE_BEGIN, WEIR_EVENT_POOLS_AGED, WEIR_EVENT_STOP_BEGIN, WEIR_EVENT_STOPPED,
        WEIR_EVENT_MARKED,      WEIR_EVENT_STARTED,    WEIR_EVENT_COLLECTED,  WEIR_EVENT_CYCLE_END};
    void *volatile kept = weir_gc_alloc(100000);
    cr_assert_eq(weir_event_listen(of_a_cycle, note, seen), 0);
    weir_gc();
    expect(all, COUNT(all));
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(seen[i].reason, WEIR_EVENT_FORCED);
        cr_expect_eq(stood_still[i], i == 3 || i == 4, "event %zu", i);
        cr_expect_eq(seen[i].collection, i >= 2 && i <= 6 ? 2 : 0, "event %zu", i);
    }
    const weir_event *last = &seen[6];
    cr_expect_geq(last->heap_began, 100000);
    cr_expect_geq(last->live, 100000);
    cr_expect_geq(last->live_objects, 1);
    cr_expect_gt(last->roots, 0);
    cr_expect_gt(last->mark_ns, 0);
    cr_expect_eq(last->stop_ns + last->mark_ns + last->start_ns, gc_read_stats().pauses[1]);
    cr_expect_leq(last->collector_cpu_ns, last->available_cpu_ns);
    cr_expect_geq(last->processors, 1);
    weir_event_unlisten(note, seen);
    weir_gc();
    cr_expect_eq(count, COUNT(all));
    (void)*(volatile char *)kept;
}

Test(event, a_program_without_collected_memory)
{
    static const weir_event_kind all[] = {WEIR_EVENT_CYCLE_BEGIN, WEIR_EVENT_POOLS_AGED,
                                          WEIR_EVENT_CYCLE_END};
    weir_pool_free(weir_pool_new(NULL));
    weir_event_listen(WEIR_EVENT_ALL, note, seen);
    cr_assert(cycle_run(CYCLE_FORCED));
    expect(all, COUNT(all));
}

/* ThreadSanitizer's own data are roots, which raise the goal by some 50 MiB. */
Test(event, the_goal_changes_with_the_knob, .init = begin, .disabled = WATCHED)
{
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_GOAL_CHANGED), note, seen);
    weir_set_gc_percent(400);
    weir_gc();
    cr_assert_geq(count, 1);
    cr_expect_geq(seen[count - 1].goal, MIB(16));
    cr_expect_eq(seen[count - 1].goal, gc_read_stats().goal);
    size_t before = count;
    weir_gc();
    weir_set_gc_percent(100);
    weir_gc();
    cr_expect_gt(count, before);
    cr_expect_lt(seen[count - 1].goal, MIB(16));
}

static atomic_bool reached;

static void note_limit(void *context, const weir_event *event)
{
    (void)context;
    reached = event->reason == WEIR_EVENT_LIMIT;
}

Test(event, the_limit_is_told, .init = begin)
{
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_LIMIT_REACHED), note_limit, NULL);
    weir_set_memory_limit((int64_t)MIB(24));
    weir_pool *pool = weir_pool_new(NULL);
    for (int i = 0; i < 40 && !reached; i++) {
        void *p = heap_malloc(MIB(1));
        memset(p, 1, MIB(1));
    }
    weir_pool_free(pool);
    cr_expect(reached);
}

static void expect_limiter(void)
{
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_LIMITER_ON), note, seen);
    static void *volatile kept[3000];
    weir_set_memory_limit((int64_t)MIB(8));
    for (size_t i = 0; i < 400000 && count == 0; i++)
        kept[i % COUNT(kept)] = weir_gc_alloc(5000); /* 15 MB stay live: twice the limit */
    cr_expect_eq(count, 1);
}

Test(event, the_limiter_is_told)
{
    expect_limiter();
}

/* The program waits for traces that go on beside it: that counts as the collector's time. */
Test(event, the_limiter_is_told_of_traces_beside_the_program)
{
    options.gcconcurrent = OPTIONS_CONCURRENT_ALWAYS;
    expect_limiter();
}

/* A listener that is told with no lock held may do anything. */
static atomic_int ends;

static void use_everything(void *context, const weir_event *event)
{
    (void)context, (void)event;
    void *p = weir_gc_alloc(5000), *q = heap_malloc(100);
    weir_gc();
    CHECK(p && q && gc_read_stats().cycles > 0);
    heap_free(q);
    ends++;
}

Test(event, at_the_end_a_listener_may_do_anything, .init = begin)
{
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_CYCLE_END), use_everything, NULL);
    weir_gc();
    weir_gc();
    cr_expect_eq(ends, 2);
}

static void leave(void *context, const weir_event *event)
{
    (void)event;
    ends++;
    weir_event_unlisten(leave, context);
}

Test(event, a_listener_may_leave_by_itself_and_its_place_is_used_again, .init = begin)
{
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_STOPPED), leave, NULL), 0);
        weir_gc();
    }
    cr_expect_eq(ends, 100);
    errno = 0;
    int full = 0;
    for (int i = 0; i < 17 && full == 0; i++)
        full = weir_event_listen(0x100, note, seen);
    cr_expect_eq(full, -1);
    cr_expect_eq(errno, ENOMEM);
}

/* --- fork, while another thread is in a listener --- */

static atomic_bool inside, leave_it;

static void stay(void *context, const weir_event *event)
{
    (void)context, (void)event;
    inside = true;
    while (!leave_it)
        os_yield();
}

static void *collect_once(void *argument)
{
    weir_gc();
    return argument;
}

Test(event, a_child_does_not_wait_for_the_parent_s_listeners, .init = begin)
{
    pthread_t thread;
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_CYCLE_END), stay, NULL);
    pthread_create(&thread, NULL, collect_once, NULL);
    while (!inside)
        os_yield();
    pid_t child = fork();
    if (child == 0) {
        alarm(HANG);
        weir_event_unlisten(stay, NULL);
        weir_gc();
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    leave_it = true;
    pthread_join(thread, NULL);
}

/* --- listeners are added and removed while events are sent --- */

static atomic_bool stop;
static atomic_int told;

static void use_context(void *context, const weir_event *event)
{
    (void)event;
    CHECK(*(int *)context == 42, "told after it was gone");
    told++;
}

static void come_and_go(size_t number)
{
    while (!stop) {
        int *context = heap_malloc(sizeof *context);
        *context = 42;
        CHECK(weir_event_listen(WEIR_EVENT_ALL, use_context, context) == 0);
        if (number)
            os_yield();
        weir_event_unlisten(use_context, context);
        *context = 0;
        heap_free(context);
    }
}

static void work(size_t number)
{
    if (number < 3) {
        come_and_go(number);
        return;
    }
    for (int i = 0; i < 300 || (told < 1000 && i < 20000); i++)
        weir_gc();
    stop = true;
}

Test(event, listeners_come_and_go, .init = begin)
{
    threads_run(4, work);
    cr_expect_gt(told, 0);
}

/* Nothing but a listener subscribes to cycles: no pool, no collected object. */
static atomic_int cycles_of[3];

static void count_cycles(void *context, const weir_event *event)
{
    (void)context;
    cycles_of[event->reason]++;
}

static void grow_to(size_t bytes)
{
    for (size_t held = 0; held < bytes; held += KIB(64)) {
        void *p = heap_malloc(KIB(64));
        cr_assert(p);
        memset(p, 1, KIB(64));
    }
}

Test(event, a_listener_alone_hears_of_growth)
{
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_CYCLE_BEGIN), count_cycles, NULL);
    grow_to(MIB(64));
    cr_expect_geq(cycles_of[WEIR_EVENT_GROWTH], 3); /* 4, 8, 16, 32 */
    cr_expect_leq(cycles_of[WEIR_EVENT_GROWTH], 8);
}

Test(event, a_listener_alone_hears_of_the_limit)
{
    weir_event_listen(WEIR_EVENT_BIT(WEIR_EVENT_LIMIT_REACHED), count_cycles, NULL);
    weir_set_memory_limit((int64_t)MIB(64));
    grow_to(MIB(100));
    cr_expect_geq(cycles_of[WEIR_EVENT_LIMIT], 1);
}
