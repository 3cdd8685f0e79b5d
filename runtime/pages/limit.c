/* limit: see limit.h. */
#include "runtime/pages/limit.h"

#include <stdatomic.h>

#include "runtime/os/check.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/pages/held.h"
#include "runtime/pages/idle.h"
#include "runtime/pages/pages_state.h"
#include "runtime/pages/purge.h"
#include "runtime/pages/slack.h"
#include "runtime/policy/foreign.h"
#include "runtime/policy/growth.h"
#include "runtime/process/memory_size.h"
#include "runtime/process/resident.h"

_Atomic uint32_t pages_requested;

enum { LIMIT_SHARE = 64, REFILL_SHARE = 16, FOREIGN_SHARE = 256 };
/* Between two readings: of the process, and of how much memory there is. */
enum { LOOK_NS = 2 * 1000 * 1000, LOOK_VOLUME = 4 * 1024 * 1024, FOLLOW_NS = 20 * 1000 * 1000 };

_Atomic bool pages_limited, pages_pressed;

static struct {
    _Atomic int64_t bytes[LIMITS]; /* INT64_MAX: none. Read by any thread */
    unsigned shares[LIMITS];       /* in percent of the available memory, which the limit follows; 0: none */
    bool counts_process;           /* the scope */
    bool is_watching;              /* the process's memory is read */
    foreign_t foreign;             /* zeros unless it is */
    _Atomic int64_t room;          /* the soft limit less what is foreign; read by any thread */
    _Atomic uint64_t look_at;      /* when to read next; UINT64_MAX: never. Read by any thread */
    uint64_t follow_at;
    _Atomic size_t
        volume; /* bytes that were admitted or allocated anew since the last reading. Written by any thread */
    size_t trigger;       /* total bytes: a cycle for the limit is requested from here on */
    size_t wanted;        /* bytes: the most that did not fit since the last cycle */
    int pressure_percent; /* of the limit; 0: there is no callback */
    void (*pressure_callback)(void *context, size_t inuse, size_t limit);
    void *pressure_context;
    bool is_told;    /* the program was told, and what is in use has not fallen enough since: note_pressure */
    bool subscribed; /* a subscriber runs the cycles for the limit */
    void (*refused)(void *context, size_t wanted);
    void *refused_context;
    _Atomic size_t refilled;    /* bytes that went into caches while pressed, since the last cycle, */
    _Atomic size_t refill_step; /* and how many trigger one */
    growth_t growth;
} limit = {.bytes = {INT64_MAX, INT64_MAX},
           .counts_process = true,
           .room = INT64_MAX,
           .look_at = UINT64_MAX,
           .growth = GROWTH_UNSUBSCRIBED};

/* The thread has run a cycle for a request, and repeats it. */
static __thread bool retrying __attribute__((tls_model("initial-exec")));

int64_t limit_bytes(enum limit_kind kind)
{
    return atomic_load_explicit(&limit.bytes[kind], memory_order_relaxed);
}

int64_t limit_room(void)
{
    return atomic_load_explicit(&limit.room, memory_order_relaxed);
}

static size_t hard_limit(void)
{
    return (size_t)limit_bytes(LIMIT_HARD);
}

/* What may be held. */
static size_t lower_limit(void)
{
    size_t room = (size_t)limit_room();
    return room < hard_limit() ? room : hard_limit();
}

/* A share of the limit as it was set. It is not a share of the room, which may be 0. */
static size_t share_of_limit(size_t share)
{
    size_t soft = (size_t)limit_bytes(LIMIT_SOFT);
    return (soft < hard_limit() ? soft : hard_limit()) / share;
}

/* What the soft limit counts. The hard limit counts held_bytes alone. */
static size_t total_bytes(void)
{
    return held_bytes() + limit.foreign.bytes;
}

/* --- the process --- */

static void publish_room(void)
{
    int64_t soft = limit_bytes(LIMIT_SOFT), foreign = (int64_t)limit.foreign.bytes;
    int64_t room = soft == INT64_MAX ? soft : soft > foreign ? soft - foreign : 0;
    atomic_store_explicit(&limit.room, room, memory_order_relaxed);
}

/* What is being given back no longer counts as held, but may still be resident, so it is added. */
static void read_process(uint64_t now)
{
    size_t resident, step = share_of_limit(FOREIGN_SHARE);
    if (resident_read(&resident))
        foreign_note(&limit.foreign, resident, held_bytes() + purge_bytes_in_work(),
                     step > OS_PAGE ? step : OS_PAGE, now);
}

/* How much memory is there now? */
static void follow(uint64_t now)
{
    uint64_t memory;
    limit.follow_at = now + FOLLOW_NS;
    if (!memory_size_watched(&memory))
        return;
    for (int kind = 0; kind < LIMITS; kind++)
        if (limit.shares[kind])
            atomic_store_explicit(&limit.bytes[kind], memory_size_share(memory, limit.shares[kind]),
                                  memory_order_relaxed);
}

static bool follows(void)
{
    return limit.shares[LIMIT_SOFT] || limit.shares[LIMIT_HARD];
}

/* The coarse clock ticks every few milliseconds. A program may allocate much in between, so the volume is
 * looked at as well. */
bool limit_wants_look(size_t bytes)
{
    uint64_t at = atomic_load_explicit(&limit.look_at, memory_order_relaxed);
    if (LIKELY(at == UINT64_MAX))
        return false;
    size_t volume = atomic_fetch_add_explicit(&limit.volume, bytes, memory_order_relaxed) + bytes;
    return volume >= LOOK_VOLUME || os_now_coarse_ns() >= at;
}

void limit_look(void)
{
    uint64_t now = os_now_coarse_ns();
    atomic_store_explicit(&limit.look_at, now + LOOK_NS, memory_order_relaxed);
    atomic_store_explicit(&limit.volume, 0, memory_order_relaxed);
    if (follows() && now >= limit.follow_at)
        follow(now);
    if (limit.is_watching)
        read_process(now);
    publish_room();
}

/* After a knob was turned: is anything to be read from now on? */
static void watch(void)
{
    limit.is_watching = limit.counts_process && limit_bytes(LIMIT_SOFT) < INT64_MAX && resident_open();
    if (!limit.is_watching)
        limit.foreign = (foreign_t){0};
    bool any = limit.is_watching || follows();
    atomic_store_explicit(&limit.look_at, any ? 0 : UINT64_MAX, memory_order_relaxed);
    publish_room();
}

limit_process_t limit_read_process(void)
{
    if (limit.is_watching)
        limit_look();
    size_t resident = limit.foreign.resident, foreign = limit.foreign.bytes;
    return (limit_process_t){resident, foreign < resident ? foreign : resident};
}

void limit_after_fork_child(void)
{
    if (limit.is_watching)
        resident_after_fork_child();
}

/* --- holding the limits --- */

/* Of several reasons the most urgent one stays. */
static void request_cycle(enum pages_request reason)
{
    if (pages_requested < reason)
        atomic_store_explicit(&pages_requested, reason, memory_order_relaxed);
}

void limit_fell(void)
{
    growth_fell(&limit.growth, held_inuse(), idle_gc_percent());
    idle_apply_rule();
}

void limit_restart_growth(void)
{
    growth_restart(&limit.growth, held_inuse(), idle_gc_percent());
}

/* A share of the limit, or of `total` if that is larger. The cost of a cycle grows with the heap; so the
 * bytes allocated between two cycles have to grow with it. */
static size_t share_of_total(size_t total, size_t share)
{
    size_t of_limit = share_of_limit(share);
    return total / share > of_limit ? total / share : of_limit;
}

/* `total` bytes count now. The next cycle is triggered by a growth by 1/64 from the least total since the
 * last cycle. */
static void note_total(size_t total)
{
    size_t step = share_of_total(total, LIMIT_SHARE);
    if (limit.trigger > total + step)
        limit.trigger = total + step;
}

static void set_refill_step(void)
{
    atomic_store_explicit(&limit.refill_step, share_of_total(total_bytes(), REFILL_SHARE),
                          memory_order_relaxed);
}

/* Release idle memory first, then slack. */
static void release_for_limit(size_t excess)
{
    size_t idle = held_idle();
    size_t before = page_stats.released_pages;
    bool released = purge_to(idle > excess ? idle - excess : 0);
    size_t slack = page_stats.pages_slack * OS_PAGE;
    if (idle < excess && slack && (slack >= share_of_limit(LIMIT_SHARE) || lower_limit() == hard_limit()))
        released |= slack_release();
    page_stats.limit_releases += released;
    page_stats.limit_released_pages += page_stats.released_pages - before;
}

/* --- pressure --- */

static size_t pressing_bytes(void)
{
    size_t idle = held_idle(), total = total_bytes();
    return total > idle ? total - idle : 0;
}

static size_t pressure_threshold(void)
{
    return (size_t)((__uint128_t)share_of_limit(1) * (unsigned)limit.pressure_percent / 100);
}

/* Does what is in use, with `fresh` more bytes, reach the threshold? Then request that the program is told.
 * It is told again only after less was in use, by 1/64 of the limit. */
static void note_pressure(size_t fresh)
{
    size_t now = pressing_bytes() + fresh, at = pressure_threshold();
    if (limit.is_told && now + share_of_limit(LIMIT_SHARE) < at)
        limit.is_told = false;
    if (!limit.is_told && now >= at && limit.subscribed)
        request_cycle(PAGES_REQUEST_PRESSURE);
}

void limit_watch_pressure(int percent, void (*callback)(void *context, size_t inuse, size_t limit),
                          void *context)
{
    limit.pressure_percent = callback ? percent : 0;
    limit.pressure_callback = callback;
    limit.pressure_context = context;
    limit.is_told = false;
    limit_admit(0);
}

pages_pressure_t limit_tell_pressure(void)
{
    limit.is_told = true;
    return (pages_pressure_t){limit.pressure_callback, limit.pressure_context, pressing_bytes(),
                              share_of_limit(1)};
}

static void note_wanted(size_t bytes)
{
    if (bytes > limit.wanted)
        limit.wanted = bytes;
}

static size_t excess_now(bool with_room)
{
    size_t needed = held_bytes() + limit.wanted + (with_room ? share_of_limit(LIMIT_SHARE) : 0);
    return needed > lower_limit() ? needed - lower_limit() : 0;
}

size_t limit_excess(bool with_room)
{
    limit_admit(0);
    size_t excess = excess_now(with_room);
    if (excess > 0) {
        release_for_limit(excess);
        excess = excess_now(with_room);
    }
    return excess;
}

bool limit_would_refuse(void)
{
    return held_bytes() + limit.wanted > hard_limit();
}

bool limit_admit(size_t fresh)
{
    if (limit_wants_look(fresh))
        limit_look();
    size_t lower = lower_limit(), held = held_bytes();
    if (UNLIKELY(held_inuse() + fresh >= limit.growth.trigger))
        request_cycle(PAGES_REQUEST_GROWTH);
    if (LIKELY(lower == INT64_MAX))
        return true;
    note_total(total_bytes());
    if (held + fresh > lower) {
        release_for_limit(held + fresh - lower);
        held = held_bytes();
        lower = lower_limit(); /* others have had the lock */
    }
    if (UNLIKELY(limit.pressure_percent > 0))
        note_pressure(fresh);
    bool over = held + fresh > lower;
    atomic_store_explicit(&pages_pressed, over, memory_order_relaxed);
    if (over)
        note_wanted(fresh);
    if (over && limit.subscribed && total_bytes() + fresh >= limit.trigger)
        request_cycle(PAGES_REQUEST_LIMIT);
    return held + fresh <= hard_limit();
}

bool limit_refuses(size_t bytes)
{
    bool refused = held_bytes() + bytes > hard_limit();
    if (refused)
        note_wanted(bytes);
    if (refused && limit.subscribed && !retrying)
        request_cycle(PAGES_REQUEST_LIMIT);
    else
        page_stats.refusals += refused;
    return refused;
}

COLD bool limit_ask_program(size_t wanted)
{
    static __thread bool asking __attribute__((tls_model("initial-exec")));
    if (!limit.refused || asking || (limit.subscribed && !retrying))
        return false;
    int cancel = os_cancel_off();
    asking = true;
    limit.refused(limit.refused_context, wanted);
    asking = false;
    os_cancel_restore(cancel);
    return true;
}

void limit_note_refill(size_t bytes)
{
    size_t refilled = atomic_fetch_add_explicit(&limit.refilled, bytes, memory_order_relaxed) + bytes;
    if (refilled >= atomic_load_explicit(&limit.refill_step, memory_order_relaxed) && limit.subscribed)
        request_cycle(PAGES_REQUEST_LIMIT);
}

void limit_restart(void)
{
    atomic_store_explicit(&limit.refilled, 0, memory_order_relaxed);
    limit.wanted = 0;
    limit.trigger = total_bytes() + share_of_total(total_bytes(), LIMIT_SHARE);
    set_refill_step();
}

void limit_retry_begins(void)
{
    retrying = true;
}

void limit_retry_ends(void)
{
    retrying = false;
}

/* --- knobs --- */

/* After a knob was turned. Whether a cycle helps under the new limit is not known yet, so the first excess
 * triggers one. */
static void begin_anew(void)
{
    watch();
    limit.trigger = 0;
    set_refill_step();
    atomic_store_explicit(&pages_limited, limit_is_set(), memory_order_relaxed);
    limit_admit(0);
}

void limit_set(enum limit_kind kind, int64_t bytes)
{
    limit.shares[kind] = 0;
    atomic_store_explicit(&limit.bytes[kind], bytes, memory_order_relaxed);
    begin_anew();
}

void limit_follow(enum limit_kind kind, unsigned percent)
{
    if (percent > 0 && !follows())
        memory_size_watch("");
    limit.shares[kind] = percent;
    begin_anew();
}

bool limit_set_scope(bool is_process)
{
    bool old = limit.counts_process;
    limit.counts_process = is_process;
    begin_anew();
    return old;
}

void limit_subscribe(void)
{
    limit.subscribed = true;
}

void limit_set_gc_percent(int64_t percent)
{
    growth_aim(&limit.growth, percent);
    idle_set_gc_percent(percent);
}

void limit_set_callback(void (*callback)(void *context, size_t wanted), void *context)
{
    limit.refused = callback;
    limit.refused_context = context;
}

bool limit_is_set(void)
{
    return limit_bytes(LIMIT_SOFT) < INT64_MAX || limit_bytes(LIMIT_HARD) < INT64_MAX;
}

bool limit_has_room(size_t bytes)
{
    return held_bytes() + bytes <= lower_limit();
}
