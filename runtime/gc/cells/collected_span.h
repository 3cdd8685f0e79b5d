/* collected_span: the spans of collected cells: their lists, sweeping and claiming (collected.h). Except
 * for the counts of bytes and a thread's share, only the sources of `collected` use this header: collected.c
 * allocates and frees, collected_trace.c is what the collector calls, collected_count.c counts, checks and
 * gives back. */
#ifndef WEIR_GC_CELLS_COLLECTED_SPAN_H
#define WEIR_GC_CELLS_COLLECTED_SPAN_H

#include "runtime/cells/cache.h"
#include "runtime/cells/collected_flags.h"
#include "runtime/os/lock.h"

/* Threads share the piles, if there are more threads. */
enum { COLLECTED_PILES = 8 };

/* Free cells that a thread hands out next, all zero; at == end: none. Written by the thread. */
typedef struct alloc_buffer {
    char *at, *end;
    size_t size; /* of a cell */
} alloc_buffer_t;

/* A thread's share of the collected heap. Written by the thread; in the stopped world, by the collector. */
typedef struct collected {
    alloc_buffer_t buffers[COLLECTED_KINDS][CLASS_COUNT];
    span_t *active[COLLECTED_KINDS][CLASS_COUNT];
    uint64_t taken[CLASS_COUNT];    /* cells that went into buffers, ever; see account.c */
    uint64_t returned[CLASS_COUNT]; /* of those, cells that left their buffer unused */
    size_t uncounted;               /* bytes of them that collected_bytes_since does not have yet */
    bool has_taken;                 /* since the last trace */
    uint8_t pile;                   /* where spans go that it claimed, when they are offered; written once */
} collected_t;

/* All of it is protected by the lock; in the stopped world the collector does without. */
HIDDEN extern struct collected_lists {
    lock_t lock;
    uint32_t spans[COLLECTED_KINDS][CLASS_COUNT];  /* slots, linked by next and prev; 0: none */
    uint32_t cursor[COLLECTED_KINDS][CLASS_COUNT]; /* the next to sweep; those before it are swept */
    /* Swept spans that may be claimed again; 0: none. Those that a thread had are on its pile. */
    uint32_t reclaim[COLLECTED_PILES][COLLECTED_KINDS][CLASS_COUNT];
    uintptr_t epoch; /* how many traces have ended */
    uint32_t large;  /* large objects, linked by all_next and all_prev */
    /* The next that collected_release_dead or collected_forget_marks looks at; 0: none. They give the lock up
     * in between, and meanwhile collected_span_offer moves no span. */
    uint32_t releasing;
    uint32_t threads; /* that took cells before the last trace; of the collector */
    size_t kept;      /* bytes of KIND_KEPT, at the last trace */
    bool born_marked; /* new large objects: from the start of a trace until the release of its dead begins */
    bool marks_left;  /* from the start of a trace until large objects are white again, or marks stay */
    /* Marks of the last trace stay, for a young one: what is marked is *old*. Set at the end of a trace, with
     * the world stopped; cleared by the collecting thread, there or between traces. */
    _Atomic bool keeps_marks;
    bool tracing; /* between collected_begin_trace and collected_end_trace; changed in the stopped world */
    bool holds_large; /* collected_hold_large */
} collected_lists;

/* --- without the lock --- */

/* A span of fresh cells, claimed by the heap's thread. NULL: none is to be had. */
span_t *collected_span_new(heap_t *self, enum span_kind kind, uint32_t cls);
/* Claim the next span at the cursor that has free cells after its sweep; at most `sweeps` are swept. Else
 * claim one that was offered. NULL: there is none. */
span_t *collected_span_claim(heap_t *self, enum span_kind kind, uint32_t cls, uint32_t sweeps);
/* The thread that has claimed the span gives it up. */
void collected_span_leave(span_t *span);
/* Enough of the span has been freed by hand: offer it, if it is swept and unclaimed. */
void collected_span_reclaim(span_t *span);
/* How many cells freed by hand are enough for that. */
static inline uint32_t collected_span_worth(const span_t *span)
{
    return span->cells / 4 + 1;
}
/* WEIR_DEBUG=poison=1. */
void collected_poison(char *cell, size_t size);

/* --- under the lock --- */

/* Free the unmarked cells. Returns how many cells are in use then. */
uint32_t collected_span_sweep(span_t *span);
/* The span has free cells and no thread: it may be claimed. */
void collected_span_offer(span_t *span);
/* The span has no live cell, and is not swept: offer all of it. */
void collected_span_keep(span_t *span);
/* The span has no live cell: give its slot back. */
void collected_span_discard(span_t *span);
/* The large object is not a collected one any more; the caller frees it. */
void collected_large_forget(span_t *span);

/* Bytes allocated since the last trace ended, less those freed by hand; so it may wrap below zero. Cells in
 * buffers count as allocated. What a thread took last is added later (collected_t's `uncounted`), because all
 * threads write this. */
extern _Atomic size_t collected_bytes_since;
/* While marks stay: the marked objects of what was swept since the last trace, less those freed by hand.
 * Under no lock; so an object that is freed while its span is swept may count or not. */
extern _Atomic ptrdiff_t collected_old_bytes, collected_old_objects;
static inline void collected_count_old(ptrdiff_t objects, ptrdiff_t bytes)
{
    atomic_fetch_add_explicit(&collected_old_objects, objects, memory_order_relaxed);
    atomic_fetch_add_explicit(&collected_old_bytes, bytes, memory_order_relaxed);
}
/* Bytes of all collected spans, their free cells included, and of all collected large objects. Written under
 * the lock of their lists. */
extern _Atomic size_t collected_bytes_held;
/* The release of the dead. Written at the end of a trace, in the stopped world. */
HIDDEN extern struct collected_release {
    _Atomic uint32_t under_way; /* 1 from then on until all are released, else 0; a futex */
    _Atomic size_t held;        /* collected_bytes_held at the end of the trace */
} collected_release;

#endif
