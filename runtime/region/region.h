/* region: the one reserved range of addresses that all heap memory lies in, and the side tables about it.
 *
 * Words, used everywhere:
 *   region   the range; `p - base < size` decides "ours"
 *   chunk    4 MiB, aligned: what the extent allocator hands out; 64 slots
 *   slot     64 KiB, aligned; one descriptor (struct span) each in a side table
 *   span     one or more slots cut into cells of one size class and kind; a large object is a span of one
 *            cell
 *   cell     room for one object
 *
 *   one claim (os/claim.h), 1 TiB of addresses; what is carved and the tables about it are mapped:
 *
 *   |<- chunk_t ->|<- span_t: 64 B a slot ->|<- zero zone ->|<------ chunks ------>|
 *    ####          ####                      ^base           ^first ######## carved^
 *
 * The region grows: it ends where the descriptors end (region_units), at or above what is carved, so that
 * every address in it has a descriptor. The zero zone is never mapped: objects of zero bytes live there, and
 * it catches what runs off the lower end of the heap.
 *
 * This folder: where addresses come from: the reserved range, its chunks and slots with their descriptors,
 * and the extent allocator behind it (jemalloc).
 */
#ifndef WEIR_REGION_REGION_H
#define WEIR_REGION_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/os/os.h"

enum {
    SLOT_SHIFT = 16,
    SLOT_SIZE = 1 << SLOT_SHIFT,
    CHUNK_SHIFT = 22,
    CHUNK_SIZE = 1 << CHUNK_SHIFT,
    CHUNK_SLOTS = CHUNK_SIZE / SLOT_SIZE,
    SLOT_PAGES = SLOT_SIZE / OS_PAGE,
    CELL_SHIFT = 4, /* every cell is a multiple of 16 bytes, at a multiple of 16 */
    ZERO_ZONE = 4 * CHUNK_SIZE,
};

struct heap;

enum span_state {
    SPAN_NONE,      /* not the first slot of a span */
    SPAN_ACTIVE,    /* its heap allocates from it: heap->active[class] */
    SPAN_PARTIAL,   /* on heap->partial[class] */
    SPAN_FULL,      /* on no list; enough frees make it partial */
    SPAN_LARGE,     /* a large object of slots */
    SPAN_HUGE,      /* a large object from the extent allocator; only its first slot has this state */
    SPAN_COLLECTED, /* small, of a kind that is collected: see runtime/gc/cells/collected.h */
    SPAN_TAIL,      /* a later slot of a large object that is collected; first: its first slot */
    SPAN_SAMPLED,   /* small, of blocks that the heap profile samples: see runtime/profile/sampled.h */
};

/* What the collector may find in the cells; decides what is scanned. */
enum span_kind {
    KIND_MANUAL, /* not collected */
    KIND_SCAN,   /* collected; every word may be a pointer */
    KIND_NOSCAN, /* collected; no pointers */
    KIND_TYPED,  /* collected; its last word is its weir_type, which says where the pointers are */
    KIND_KEPT,   /* scanned as KIND_SCAN is, but only the program frees it: WEIR_KEEP */
    KIND_COUNT
};

/* The descriptor of one slot: one cache line. The descriptor of a span is that of its first slot.
 *
 *   cells: |<------------ initialized ------------>|<- never touched ->|
 *          |<- used: with the program, or in ->|<- free ->|
 *          |   the thread cache's list         |
 *
 *   manual:    used = frees_until_event + used_base;   used + |free| + absent == initialized <= cells
 *   collected: see runtime/gc/cells/collected.h
 *
 *   descriptor of    word 1   word 2                        list links                 16 bits       16 bits
 *   manual cells     free     frees_until_event, used_base  all_next, all_prev         initialized   absent
 *   collected cells  epoch    flags, freed                  next_offered, is_offered,  position      samples
 *                                                            pile
 *   a large object   bytes    flags                         all_next, all_prev         -             is_moved
 *   a huge object    bytes    flags                         -                          -             unclear
 *   a tail           -        -                             first, in place of next    -             -
 *
 * Except where noted, a field belongs to the thread that owns the span's heap. If the heap is orphaned, it
 * belongs to the holder of the lock of the list of heaps. In a collected span it belongs to the thread that
 * has claimed the span, or to the holder of the lock of collected_span.c. */
typedef struct span {
    uintptr_t owner; /* os_thread_word of the owner; 0: no owner, or not to be freed on the fast path.
                       * Read by all threads (relaxed): it equals the reader's own word only if the
                       * reader is the owner. */
    union {
        void *free;      /* cells freed by the owner since it last took them, linked by their first words */
        uintptr_t epoch; /* the trace after which the span was swept */
        size_t bytes;    /* of a large object; if it is SPAN_LARGE, written under the pages' lock */
    };
    union {
        struct {
            union {
                uint32_t
                    frees_until_event; /* frees by the owner until the state changes: 0 calls span_event */
                uint32_t flags;        /* COLLECTED_...; any thread, atomically */
            };
            union {
                uint32_t used_base;
                uint32_t freed; /* cells that the program has freed since the sweep; any thread, atomically */
            };
        };
        uint64_t waits; /* both at once, for the statistics: their reader does not stop the owner */
    };
    uint32_t cell_size;
    uint16_t cells;
    union {
        uint16_t initialized; /* cells ever handed out, from the front */
        uint16_t position;    /* the cell at which the search for the next allocation buffer begins */
    };
    uint8_t cls;
    uint8_t kind;  /* enum span_kind */
    uint8_t state; /* enum span_state; read by all threads */
    /* How many pages at the front of this slot may be resident. Written under the pages' lock, or by the
     * owner. 0 while a huge object has the slot; after that, the pages that the extent allocator has for
     * reuse. */
    uint8_t touched;
    union {
        uint32_t next; /* with prev: the neighbours' slots: heap->partial[class] or a class's list; 0: none */
        uint32_t first; /* first slot of the object that the tail belongs to */
    };
    uint32_t prev;
    union {
        uint32_t all_next;     /* with all_prev: on heap->spans, or on the list of large objects */
        uint32_t next_offered; /* the next of the spans that may be claimed again */
    };
    union {
        uint32_t all_prev;
        struct {
            bool is_offered; /* whether it is on that list */
            uint8_t pile;    /* which list of offered spans is that of the thread that had it last */
        };
    };
    uint16_t hollow; /* of a small span: pages below `touched` that were given back, a bit each */
    union {
        uint16_t absent; /* cells that reach into hollow pages: free, and on no list (cells/hollow.h) */
        uint16_t
            samples; /* which cell the heap profile samples; any thread, atomically (profile/sampled.h) */
        uint16_t unclear; /* of a slot of a huge object: pages that are to be cleared (huge.h) */
        bool is_moved;    /* pages of another block were moved here (malloc/large.c) */
    };
    struct heap *heap; /* which receives remote frees; read by all threads (relaxed) */
} span_t;
_Static_assert(sizeof(span_t) == 64, "one descriptor is one cache line");

/* The bytes of a large object. */
static inline size_t *span_bytes(span_t *span)
{
    return &span->bytes;
}

/* What is free in a chunk, one bit a slot; under the pages' lock. */
typedef struct chunk {
    uint64_t free;
    uint64_t dirty; /* of the free ones: may be resident */
    uint64_t
        small; /* dirty slots that came with a huge page and were never used. Only small spans get them, which
                         * use all of a slot: a large object would leave the rest of its last slot resident */
    uint64_t committed; /* slots that are readable and writable: all that are in use, and some free ones */
    bool from_extents;  /* goes back there when all its slots are free */
    bool known; /* the pages layer hands out its slots; else it is the extent allocator's, or nobody's */
    bool idle; /* idle memory may be in it: in its free slots, or the extent allocator's if it is not known */
    uint32_t unused;        /* bytes of unused cells, as idle.c counted them last */
    uint64_t refused;       /* idle slots that the kernel refused to take back in the round below */
    uint32_t refused_round; /* 1 + the last round of attempts (purge.c) with a refusal in it; 0: none */
    uint32_t slack;         /* pages of page_stats.pages_slack that lie in it */
    uint32_t slack_round;   /* 1 + the last round in which some of them were refused (slack.c); 0: none */
} chunk_t;

/* Written once, at start-up, except `carved`, `used` and the mapped bytes: these are written under the pages'
 * lock, and any thread may read the first two. used <= carved <= described <= size. In a small region the
 * extent allocator gets everything at its start, so `used` stays below `carved`. */
extern struct region {
    chunk_t *chunks;
    size_t size;                        /* what it may grow to */
    _Atomic size_t carved;              /* bytes from base up to the end of what was carved */
    _Atomic size_t used;                /* bytes from base up to the end of what was ever handed out */
    size_t mapped_chunks, mapped_spans; /* bytes of the tables */
    bool is_small;                      /* smaller than usual: addresses are scarce */
} region;

/* The three that free() reads: symbols of their own, so that each is one operand of one instruction. */
HIDDEN extern uintptr_t region_base;
HIDDEN extern size_t region_units; /* described / 16; grows */
HIDDEN extern span_t *region_spans;

/* Claim the region, as much as can be had; false if that is less than one chunk. */
bool region_init(void);

/* Take address space from the end, for chunks or for the extent allocator. `size` is a multiple of a chunk;
 * `alignment` is a power of two, at least a chunk. The result has descriptors, and its first `committed`
 * bytes are committed. NULL: there is no more. */
void *region_carve(size_t size, size_t alignment, size_t committed);
/* Commit an uncommitted part of what was carved: it becomes readable, writable and zero. Decommit a committed
 * part. */
bool region_commit(void *start, size_t size);
bool region_decommit(void *start, size_t size);

/* Note that this memory is handed out from here on: see `used`. */
void region_note_used(const void *memory, size_t size);

/* The bytes of the side tables that are written, and so resident. */
size_t region_table_bytes(void);

/* The slot of an address of the region, and back. */
static inline uint32_t region_slot(const void *p)
{
    return (uint32_t)(((uintptr_t)p - region_base) >> SLOT_SHIFT);
}

static inline char *region_address(uint32_t slot)
{
    return (char *)(region_base + ((uintptr_t)slot << SLOT_SHIFT));
}

/* Pages of a run of slots that may be resident. */
static inline size_t region_touched(uint32_t slot, uint32_t count)
{
    size_t touched = 0;
    for (uint32_t i = 0; i < count; i++)
        touched += region_spans[slot + i].touched;
    return touched;
}

/* Set `touched` to 0, because the pages were released or have another owner now. Returns how many pages that
 * were. A 0 is not written again: descriptors that were never used are not resident, and stay so. */
static inline size_t region_forget_touched(uint32_t slot, uint32_t count)
{
    size_t touched = 0;
    for (span_t *span = region_spans + slot, *end = span + count; span < end; span++)
        if (span->touched) {
            touched += span->touched;
            span->touched = 0;
        }
    return touched;
}

/* The slots of a chunk that may be resident, a bit each. */
static inline uint64_t region_dirty(uint32_t chunk)
{
    uint64_t dirty = 0;
    for (uint32_t i = 0; i < CHUNK_SLOTS; i++)
        dirty |= (uint64_t)(region_spans[chunk * CHUNK_SLOTS + i].touched > 0) << i;
    return dirty;
}

/* An address as a count of 16-byte units from the base, rotated so that one comparison with region_units
 * rejects both what is outside and what is unaligned: the low four bits come out on top. */
static inline size_t region_unit(const void *p)
{
    size_t offset = (uintptr_t)p - region_base;
    return offset >> CELL_SHIFT | offset << (64 - CELL_SHIFT);
}

/* Bytes from the base that are described: the region as it is now. */
static inline size_t region_described(void)
{
#ifdef __SANITIZE_THREAD__
    return __atomic_load_n(&region_units, __ATOMIC_ACQUIRE) << CELL_SHIFT;
#else
    return region_units << CELL_SHIFT;
#endif
}

static inline bool region_has_unit(size_t unit)
{
#ifdef __SANITIZE_THREAD__
    return unit < __atomic_load_n(&region_units, __ATOMIC_ACQUIRE);
#else
    return unit < region_units;
#endif
}

static inline bool region_owns(const void *p)
{
    return (uintptr_t)p - region_base < region_described();
}

static inline span_t *span_of_unit(size_t unit)
{
    return region_spans + (unit >> (SLOT_SHIFT - CELL_SHIFT));
}

static inline span_t *span_of_slot(uint32_t slot)
{
    return region_spans + slot;
}

static inline uint32_t span_slot(const span_t *span)
{
    return (uint32_t)(span - region_spans);
}

/* The owner's word, as any thread may read it: a plain load, which can be an operand of a comparison. For
 * ThreadSanitizer it is an atomic load, as it is to the machine. */
static inline uintptr_t span_owner(const span_t *span)
{
#ifdef __SANITIZE_THREAD__
    return __atomic_load_n(&span->owner, __ATOMIC_RELAXED);
#else
    return span->owner;
#endif
}

/* The state and the initialized cells of a span, which its owner changes while others read them. */
static inline enum span_state span_state(const span_t *span)
{
    return (enum span_state)__atomic_load_n(&span->state, __ATOMIC_RELAXED);
}

static inline void span_set_state(span_t *span, enum span_state state)
{
    __atomic_store_n(&span->state, (uint8_t)state, __ATOMIC_RELAXED);
}

static inline bool span_is_large(const span_t *span)
{
    enum span_state state = span_state(span);
    return state == SPAN_LARGE || state == SPAN_HUGE;
}

static inline uint32_t span_initialized(const span_t *span)
{
    return __atomic_load_n(&span->initialized, __ATOMIC_RELAXED);
}

static inline char *span_start(const span_t *span)
{
    return region_address(span_slot(span));
}

#endif
