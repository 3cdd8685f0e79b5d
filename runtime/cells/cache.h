/* cache: a thread's share of the heap.
 *
 * The thread cache is one list of cells per size class, in thread-local storage: malloc pops it. free pushes
 * the cell onto its span's own list (span->free). When a class's list runs empty it is refilled in bulk: with
 * freed cells, or else with untouched ones (malloc/refill.h). All counting is done there, in bulk, or derived
 * from span->frees_until_event.
 *
 *     bins[class] --> cell --> cell --> 0           popped by malloc; all of one span: heap->active[class]
 *     span->free  --> cell --> cell --> 0           pushed by free
 *     heap->inbox --> cell --> cell --> 0           pushed by other threads, a chain at a time
 *
 * After the design of mimalloc (Leijen, Zorn, de Moura, "Mimalloc: free list sharding in action", 2019), with
 * the descriptors outside of the heap and with snmalloc's batched remote frees (Liétar et al., 2019).
 *
 * Where a cell that is not the program's can be: in a thread cache's list; in its span's free list; in a
 * remote chain (outbox or inbox); in a hollow page (hollow.h); untouched beyond span->initialized. A free
 * cell's first word is its link, its second word the address of its span, which tells a double free; malloc
 * clears it.
 *
 * This folder: the data of a heap: size classes, the thread's cache and record, which cells of a span are
 * free. Cells are allocated and freed in rooms above.
 */
#ifndef WEIR_CELLS_CACHE_H
#define WEIR_CELLS_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/classes.h"
#include "runtime/cells/thread_state.h"
#include "runtime/os/lock.h"
#include "runtime/region/region.h"

typedef struct cell {
    struct cell *next;
    span_t *tag; /* its span, while it is free */
} cell_t;

enum { OUTBOX_SIZE = 8, OUTBOX_BYTES = 16 * 1024 };

/* Cells of one other heap, freed here and not yet sent. Touched by the thread of this heap only. */
typedef struct chain {
    struct heap *to;
    cell_t *first, *last;
    uint32_t bytes;
} chain_t;

/* Free runs of slots that the thread keeps: see spare.h. Written by the owner, under its biased lock. */
enum { SPARE_BINS = 41 };
struct spare {
    uint32_t bins[SPARE_BINS]; /* slots, linked by span->next; LIFO */
    uint32_t bytes, share;     /* of all runs; the most that they may have together */
    uint8_t next;              /* the bin to make room in */
    uint8_t wishes;            /* how often a larger share would have served, since it last grew */
    bool was_full : 1;         /* a run did not fit into the share, after a run was last missed */
    bool gave_up : 1;          /* the share was given up near a limit, ever */
    uint8_t releases;          /* page_stats.limit_releases modulo 256, as the thread saw it last */
};

enum heap_status { HEAP_LIVE, HEAP_ORPHAN, HEAP_LOST /* its thread vanished in a fork */ };

/* Counts that refills and other slow paths add to; totals follow from them (control/account.c). Each only
 * grows. Written by the owner, read by any thread: control/account.c says in which order. */
typedef struct heap_counts {
    uint64_t taken[CLASS_COUNT];    /* cells that went into bins */
    uint64_t returned[CLASS_COUNT]; /* of those, cells that went back into their spans, unused */
    uint64_t freed[CLASS_COUNT];    /* free cells that left their spans: into bins, or with the whole span */
    uint64_t sent[CLASS_COUNT];     /* cells of other heaps that this thread freed */
    uint64_t drained[CLASS_COUNT];  /* cells of this heap that came back through the inbox */
    uint64_t large_allocs, large_frees, large_alloc_bytes, large_free_bytes;
    uint64_t arena_taken, arena_given; /* bytes of blocks that arenas took from this heap, and gave back */
} heap_counts_t;

/* A thread's heap: its spans, and the rest of its state. Heaps are never freed: a thread that ends leaves its
 * heap to the next one that starts, and its spans to threads that need some (HEAP_ORPHAN; orphans.c). */
typedef struct heap {
    /* Manual cells. Written by the owner, under the heap's biased lock (bias.h). */
    uintptr_t word; /* the thread's os_thread_word, for its spans' owner words; 0 when hardened */
    /* The bins of the thread's cache; NULL without a thread. When hardened or in collect mode, an array
     * that follows this struct. */
    cell_t **bins;
    span_t *active[CLASS_COUNT];
    uint32_t partial[CLASS_COUNT]; /* slots; LIFO */
    uint32_t spans;                /* slot; every small span of this heap */
    chain_t outbox[OUTBOX_SIZE];
    uint32_t chains; /* of the outbox that hold cells */
    uint32_t volume; /* bytes handed out and not yet reported to cycle.h */
    heap_counts_t counts;
    uint16_t filled[CLASS_COUNT]; /* cells of the last refill, including the one that the caller got */
    uint16_t refills;             /* refills with freed cells, modulo 65536 */
    struct spare spare;

    /* Written by the owner. */
    struct collected *collected; /* its share of the collected heap, from first use on; see collected.h */
    struct sampling *sampling;   /* when its next samples are due, if there are any: see sampled.h */

    thread_state_t thread;

    /* The biased lock (bias.h), and the queue of heaps to be tended (tend_queue.h). */
    _Atomic uint32_t busy; /* in how many nested slow paths the owner is; written by the owner */
    _Atomic uint32_t bias; /* enum bias_state */
    bool closed; /* its fast paths are slow ones; written by the thread that revokes the bias, or takes it */
    _Atomic uint32_t queued;  /* 1: the heap is in the queue */
    struct heap *next_queued; /* the next heap there */

    /* Lists of heaps. */
    struct heap *next;        /* of all; written once, under the lock of the heaps */
    struct heap *next_idle;   /* without a thread; under the lock of the heaps */
    struct heap *number_next; /* in the table of numbers.h; under the lock of the heaps */
    int number;               /* in that table: its thread's number, or its last one's; 0: none. Same lock */
    _Atomic int status;       /* enum heap_status; written under the lock of the heaps */

    _Alignas(64) _Atomic(cell_t *) inbox; /* pushed by any thread, taken whole by the owner */
} heap_t;

/* The cache itself. Initial-exec: the library is preloaded or linked, not dlopen'ed. */
typedef struct cache {
    cell_t *bins[CLASS_COUNT];
    /* class_of(16 * granule), once there is a heap; until then class 0, whose bin is always empty */
    uint8_t class_of[GRANULES];
    heap_t *heap; /* NULL before first use and after the thread's end */
    bool ended;   /* the thread has left its heap */
    bool stays; /* the thread has ended but keeps its heap, because more destructors may run: see thread.c */
    bool starting;                /* the thread is getting its heap: see bootstrap.h */
    bool cycling;                 /* the thread is in a cycle: see cycle.h */
    uint32_t no_stop;             /* how many no-stop sections the thread is in: see world.h */
    struct alloc_buffer *buffers; /* heap->collected's, or NULL */
} cache_t;
extern __thread cache_t cache __attribute__((tls_model("initial-exec")));

/* In place of a thread's number: the thread is gone, and its stack with it. */
enum { HEAP_NO_THREAD = 0 };

/* Does the heap have a thread, whose stack has to be scanned? */
static inline bool heap_has_thread(const heap_t *heap)
{
    return heap->status == HEAP_LIVE && heap->thread.id != HEAP_NO_THREAD;
}

/* Is the thread cache what allocations come from? Not before the first use, past the thread's end, hardened,
 * or under WEIR_COLLECT. */
static inline bool cache_is_used(const heap_t *self)
{
    return LIKELY(self && self->bins == cache.bins && !cache.ended);
}

/* Add to a count that other threads read. A thread that sees the new value sees all that the owner wrote
 * before. */
static inline void count_add(uint64_t *count, uint64_t more)
{
    __atomic_store_n(count, *count + more, __ATOMIC_RELEASE);
}

extern struct heaps {
    lock_t lock;
    _Atomic(heap_t *) all;
    _Atomic uint32_t orphans; /* 1 once there may be spans without a thread */
    bool orphans_changed;     /* orphans have come, or got cells back: some may be empty; under the lock */
} heaps;

/* --- counts of a span --- */

static inline uint32_t span_used(const span_t *span)
{
    return span->frees_until_event + span->used_base;
}
/* The value of span->waits for a span that has `used` cells in use and waits for `wait` frees. Computed as
 * one word: a word that was stored in two halves is slow to load. */
static inline uint64_t span_waits(uint32_t used, uint32_t wait)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? (uint64_t)(used - wait) << 32 | wait
                                                     : (uint64_t)wait << 32 | (used - wait);
}

/* --- lists of spans; the head is the slot of the first, 0: none --- */

/* By all_next and all_prev: every span of a heap; collected large objects. */
static inline void span_link_all(uint32_t *head, span_t *span)
{
    span->all_prev = 0;
    span->all_next = *head;
    if (*head)
        span_of_slot(*head)->all_prev = span_slot(span);
    *head = span_slot(span);
}

static inline void span_unlink_all(uint32_t *head, span_t *span)
{
    if (span->all_prev)
        span_of_slot(span->all_prev)->all_next = span->all_next;
    else
        *head = span->all_next;
    if (span->all_next)
        span_of_slot(span->all_next)->all_prev = span->all_prev;
}

/* By next and prev: partial spans of a class; collected ones of a kind and class. */
static inline void span_link(uint32_t *head, span_t *span)
{
    span->prev = 0;
    span->next = *head;
    if (*head)
        span_of_slot(*head)->prev = span_slot(span);
    *head = span_slot(span);
}

static inline void span_unlink(uint32_t *head, span_t *span)
{
    if (span->prev)
        span_of_slot(span->prev)->next = span->next;
    else
        *head = span->next;
    if (span->next)
        span_of_slot(span->next)->prev = span->prev;
}

#endif
