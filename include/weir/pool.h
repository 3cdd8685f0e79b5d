/* weir/pool.h: pools of objects that are made once and used again, as Go's sync.Pool.
 *
 * A pool keeps objects that are not in use, ready as they were put back, so that the next user is spared
 * making one. It is a cache, not a store: what is not used across two cycles of the runtime is
 * dropped, and all of it at once when the memory limit needs it. A cycle comes when the heap has grown by
 * WEIR_GOGC percent, or when so much has been allocated since the last one (of a small heap, 16 MiB times
 * that), so that a steady program's pools shrink as well; when the limit is near; and with
 * weir_free_os_memory().
 *
 *     static void *buffer_new(void *ctx) { (void)ctx; return weir_malloc(4096); }
 *
 *     weir_pool *buffers = weir_pool_new(&(weir_pool_options){.name = "buffers", .new_object = buffer_new});
 *     char *buffer = weir_pool_get(buffers);
 *     ...
 *     weir_pool_put(buffers, buffer);
 *
 * Holds for every function here:
 *   ownership    an object belongs to the pool from weir_pool_put on, and to the caller from weir_pool_get
 *                on. The pool does not look into objects and changes nothing in them. An object that was got
 *                need not be put back; the caller then disposes of it as `drop` would.
 *   order        none is promised: get may return any object that was put, by any thread, or a new one. What
 *                a thread did to an object before it put it is visible to the thread that gets it.
 *   threads      all functions may be called from any thread at any time, callbacks included, except from a
 *                signal handler that may have interrupted one of them. weir_pool_free: see there.
 *   callbacks    run on the calling thread (drop: on any thread that allocates) with no lock held. They may
 *                allocate, free, and use pools, this one included. They may not leave by longjmp or an
 *                exception.
 *   collected    what the pool holds may be collected objects (weir/gc.h): they and what they point to are
 *                reached until they are dropped. A pool without `drop` leaves them to the collector then,
 *                which frees them in that very cycle, as Go's does.
 *   fork         the child has the objects that the pools held. Those that another thread was about to get or
 *                put, or had got, are lost to it, as all that was only that thread's.
 *   misuse       is undefined, as with any free list; with WEIR_DEBUG=poolcheck=1 a double put, a put of what
 *                the pool did not hand out, and a write after a put end the program with one line on stderr
 *                (onerror=warn: go on). Pools that are made under AddressSanitizer or valgrind have these
 *                tools watch their objects; under heaptrack a get is an allocation and a put is a free, of
 *                objects on weir's heap.
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

typedef struct weir_pool weir_pool;

/* --- What the inline paths of weir_pool_get and weir_pool_put see, for them alone to read or write ---
 *
 *     weir_pool_thread_1 --> of[number of the pool] --> weir_pool_local --> rounds   ######......    objects
 *
 * The digit is the version: a library with another layout has another name, and keeps this one of size 0, so
 * that what was compiled with this header goes out of line. */

/* A thread's part of a pool. The protocol of busy and unbiased is in pool/pool.h of the sources. */
struct weir_pool_local {
    uint32_t busy;     /* the thread is at it */
    uint32_t unbiased; /* 0; or more than any count: the operation goes out of line */
    uint32_t count;    /* objects in rounds */
    uint32_t capacity; /* of rounds, for puts */
    void **rounds;
    uint64_t hits; /* objects handed out */
};

/* The calling thread's, by the number of the pool. */
struct weir_pool_thread {
    size_t size;
    struct weir_pool_local **of;
};

/* What a weir_pool begins with. */
struct weir_pool_head {
    size_t id;
};

/* How a pool makes and drops its objects. All members may be 0; those of a later version of this header are
 * added at the end, and mean what the library does today when they are 0. */
typedef struct weir_pool_options {
    /* Make an object; NULL when there is none to be had, which weir_pool_get returns. Without it
     * weir_pool_get returns NULL when the pool is empty. */
    void *(*new_object)(void *ctx);
    /* Dispose of an object that the pool gives up. Without it objects are given to weir_free. */
    void (*drop)(void *ctx, void *p);
    /* Handed to every callback. The caller's; must live until the pool is freed and all its objects are
     * back. */
    void *ctx;
    /* For statistics and messages: the first 31 bytes are copied. NULL: none. */
    const char *name;
    /* Make an object as good as new; called by weir_pool_put before the pool has it. */
    void (*reset)(void *ctx, void *p);
} weir_pool_options;

enum { WEIR_POOL_NAME = 32 };

/* What happened in a pool since it was made. Counts are exact; gets == hits + misses, held == puts - hits -
 * drops. */
typedef struct weir_pool_stats {
    char name[WEIR_POOL_NAME]; /* terminated */
    uint64_t gets;             /* objects asked for, */
    uint64_t hits;             /* of them served from the pool, */
    uint64_t misses;           /* and not: these called new_object, or returned NULL */
    uint64_t steals; /* objects taken over from other threads, many at a time; not all were needed yet */
    uint64_t puts;   /* objects put */
    uint64_t drops;  /* objects given up */
    uint64_t held;   /* objects in the pool now */
    uint64_t
        bytes_held;   /* held times the mean size of objects put, in bytes: exact if they are of one size. Of
                                * objects on weir's heap; others count 0. One put of several is looked at. */
    uint64_t cycles;  /* of the runtime that the pool has seen */
    uint64_t refused; /* of the drops: objects that were refused when they were put */
} weir_pool_stats;

WEIR_API_BEGIN

/* Drop all objects of a pool, then the pool. NULL does nothing. Objects that were got stay their holders',
 * which may still put them: they are dropped on the spot, and the last one takes the handle (some hundred
 * bytes) with it. A put without a get lowers the count of objects outstanding, so the handle may then be
 * freed early. No other use of the pool may come later or at the same time; a drop callback may not free its
 * own pool. Waits for drop callbacks that other threads are in. */
WEIR_API void weir_pool_free(weir_pool *pool) WEIR_NOEXCEPT;

/* A new pool, empty; NULL with ENOMEM. The options are copied; NULL is the same as all 0. */
WEIR_API weir_pool *weir_pool_new(const weir_pool_options *options) WEIR_NOEXCEPT;

/* The pool holds objects of so many usable bytes at the most, of those on weir's heap; one that would pass it
 * is dropped when it is put. 0: no limit. Setting a first limit, removing it, and setting one that is passed
 * already drop what the pool has. A pool with a limit counts each object: gets and puts cost a call and an
 * atomic addition more. */
WEIR_API void weir_pool_set_limit(weir_pool *pool, size_t bytes) WEIR_NOEXCEPT;

/* From now on ask `refuses` at each put, before `reset`: true, and the object is dropped. For objects that
 * have outgrown what the next user needs. NULL: ask no more. */
WEIR_API void weir_pool_set_refusal(weir_pool *pool, bool (*refuses)(void *ctx, void *p)) WEIR_NOEXCEPT;

/* An object: one that was put and not got since, or else a new one. NULL if there is neither. Where an object
 * of the calling thread's is at hand this takes no lock and writes no memory that other threads read. After
 * sync.Pool.Get. */
WEIR_API inline void *weir_pool_get(weir_pool *pool) WEIR_NOEXCEPT;

/* Hand an object to the pool. NULL does nothing. When the pool has no memory to note it, it is dropped. errno
 * is kept
 * (unless a callback changes it). After sync.Pool.Put. */
WEIR_API inline void weir_pool_put(weir_pool *pool, void *p) WEIR_NOEXCEPT;

/* What they do when there is nothing, or no room, at hand. */
WEIR_API void *weir_pool_get_slow(weir_pool *pool) WEIR_NOEXCEPT;
WEIR_API void weir_pool_put_slow(weir_pool *pool, void *p) WEIR_NOEXCEPT;

/* Compiled into the program, found without a call. */
extern WEIR_API __thread struct weir_pool_thread
    weir_pool_thread_1 WEIR_ATTRIBUTE((tls_model("initial-exec")));

inline void *weir_pool_get(weir_pool *pool) WEIR_NOEXCEPT
{
    size_t id = __atomic_load_n(&((const struct weir_pool_head *)pool)->id, __ATOMIC_RELAXED);
    if (__builtin_expect(id >= weir_pool_thread_1.size, 0))
        return weir_pool_get_slow(pool);
    struct weir_pool_local *local = __atomic_load_n(&weir_pool_thread_1.of[id], __ATOMIC_RELAXED);
    __atomic_store_n(&local->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t unbiased = __atomic_load_n(&local->unbiased, __ATOMIC_ACQUIRE);
    uint32_t count = __atomic_load_n(&local->count, __ATOMIC_RELAXED);
    if (__builtin_expect(count <= unbiased, 0)) {
        __atomic_store_n(&local->busy, 0, __ATOMIC_RELEASE);
        return weir_pool_get_slow(pool);
    }
    void *p = local->rounds[count - 1];
    __atomic_store_n(&local->count, count - 1, __ATOMIC_RELAXED);
    local->hits++;
    __atomic_store_n(&local->busy, 0, __ATOMIC_RELEASE);
    return p;
}

inline void weir_pool_put(weir_pool *pool, void *p) WEIR_NOEXCEPT
{
    size_t id = __atomic_load_n(&((const struct weir_pool_head *)pool)->id, __ATOMIC_RELAXED);
    if (__builtin_expect(!p || id >= weir_pool_thread_1.size, 0)) {
        weir_pool_put_slow(pool, p);
        return;
    }
    struct weir_pool_local *local = __atomic_load_n(&weir_pool_thread_1.of[id], __ATOMIC_RELAXED);
    __atomic_store_n(&local->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t unbiased = __atomic_load_n(&local->unbiased, __ATOMIC_ACQUIRE);
    uint32_t count = __atomic_load_n(&local->count, __ATOMIC_RELAXED);
    if (__builtin_expect((count | unbiased) >= __atomic_load_n(&local->capacity, __ATOMIC_RELAXED), 0)) {
        __atomic_store_n(&local->busy, 0, __ATOMIC_RELEASE);
        weir_pool_put_slow(pool, p);
        return;
    }
    local->rounds[count] = p;
    __atomic_store_n(&local->count, count + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&local->busy, 0, __ATOMIC_RELEASE);
}

/* --- Buffers by size: pools that the library has, one for each power of two --- */

/* A buffer of at least size bytes, aligned to 16, contents undefined; weir_usable_size tells how many it has.
 * NULL with ENOMEM. Sizes are rounded up to a power of two from 64 bytes to 1 MiB, and each has a pool
 * "buffer-SIZE"; from there on it is weir_malloc. */
WEIR_API void *weir_buffer_pool_get(size_t size) WEIR_NOEXCEPT;

/* Hand in a buffer, from weir_buffer_pool_get or any other function that weir_free takes. NULL does nothing.
 * Keeps errno. weir_free is as good, but then the buffer is not used again as it is. */
WEIR_API void weir_buffer_pool_put(void *buffer) WEIR_NOEXCEPT;

/* --- Statistics --- */

/* Fill the first `size` bytes of the statistics that the caller compiled with; use weir_read_pool_stats. */
WEIR_API void weir_read_pool_stats_sized(weir_pool *pool, void *stats, size_t size) WEIR_NOEXCEPT;

/* Read the statistics of a pool; keeps its users out for a few microseconds. Never allocates, keeps errno. */
static inline void weir_read_pool_stats(weir_pool *pool, weir_pool_stats *stats) WEIR_NOEXCEPT
{
    weir_read_pool_stats_sized(pool, stats, sizeof *stats);
}

/* Call visit(ctx, stats, size) for every pool, the library's own included, in no particular order, until it
 * returns false. `size`: how many bytes of the statistics the library knows. Pools that come or go meanwhile
 * may be seen or not. visit is called with no lock held and may do anything; the statistics are gone when it
 * returns. */
WEIR_API void weir_pool_each(bool (*visit)(void *ctx, const weir_pool_stats *stats, size_t size),
                             void *ctx) WEIR_NOEXCEPT;

WEIR_API_END

#endif
