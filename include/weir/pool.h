/* weir/pool.h: pools of objects that are made once and used many times, as Go's sync.Pool.
 *
 * A pool keeps objects that are not in use, as they were put back, so that the next user need not make one.
 * It is a cache, not a store: an object that is not used across two cycles of the runtime is dropped, and all
 * objects are dropped at once when a memory limit requires it. A cycle comes when the heap has grown by
 * WEIR_GOGC percent; when the bytes allocated since the last cycle reach WEIR_GOGC percent of the heap (or of
 * 16 MiB, if it is smaller), so that the pools of a steady program shrink as well; when a limit is near; and
 * with weir_free_os_memory().
 *
 *     static void *buffer_new(void *ctx) { (void)ctx; return weir_malloc(4096); }
 *
 *     weir_pool *buffers = weir_pool_new(&(weir_pool_options){.name = "buffers", .new_object = buffer_new});
 *     char *buffer = weir_pool_get(buffers);
 *     ...
 *     weir_pool_put(buffers, buffer);
 *
 * These rules hold for every function here:
 *   ownership    an object belongs to the pool from weir_pool_put on, and to the caller from weir_pool_get
 *                on. The pool neither reads nor changes the contents of objects. The caller need not put an
 *                object back; then it has to dispose of it as `drop` would.
 *   order        get may return any object that any thread has put, or a new one. What a thread wrote to an
 *                object before it put it is visible to the thread that gets it.
 *   threads      all functions may be called from any thread at any time, callbacks included, except from a
 *                signal handler that may have interrupted one of them. weir_pool_free: see there.
 *   callbacks    run on the calling thread, and `drop` on any thread that allocates, with no lock held. They
 *                may allocate, free, and use pools, this one included. They may not leave by longjmp or an
 *                exception.
 *   collected    the objects may be collected ones (weir/gc.h). Until they are dropped, the pool keeps them
 *                and what they point to alive. A pool without `drop` then leaves them to the collector, which
 *                frees them in the same cycle, as Go's does.
 *   fork         the child has the objects that the pools held. Objects that another thread had got, or was
 *                about to get or put, are lost to the child, as is everything that only that thread had.
 *   misuse       has undefined results, as with any free list. With WEIR_DEBUG=poolcheck=1 a double put, a
 *                put of an object that the pool did not hand out, and a write after a put end the program
 *                with one line on stderr (with onerror=warn it goes on). AddressSanitizer and valgrind watch
 *                the objects in pools that are made under them. For heaptrack, a get is an allocation and a
 *                put is a free, of objects on weir's heap.
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

typedef struct weir_pool weir_pool;

/* --- For the inline functions weir_pool_get and weir_pool_put only: nobody else may read or write this ---
 *
 *     weir_pool_thread_1 --> of[number of the pool] --> weir_pool_local --> rounds   ######......    objects
 *
 * The digit is the version. A library with another layout uses another name, and also has this one with size
 * 0; so programs that were compiled with this header call the functions out of line. */

/* A thread's part of a pool. The sources' pool/pool.h describes the protocol of busy and unbiased. */
struct weir_pool_local {
    uint32_t busy;     /* the thread is using this struct */
    uint32_t unbiased; /* 0; or more than any count: then the operation goes out of line */
    uint32_t count;    /* objects in rounds */
    uint32_t capacity; /* of rounds, for puts */
    void **rounds;
    uint64_t hits; /* objects handed out */
};

/* The calling thread's parts of all pools, by the number of the pool. */
struct weir_pool_thread {
    size_t size;
    struct weir_pool_local **of;
};

/* The beginning of a weir_pool. */
struct weir_pool_head {
    size_t id;
};

/* How a pool makes and drops its objects. All members may be 0. Later versions of this header add members at
 * the end; with these 0, a pool works as it does today. */
typedef struct weir_pool_options {
    /* Make an object. If it returns NULL, so does weir_pool_get. Without this function weir_pool_get returns
     * NULL when the pool is empty. */
    void *(*new_object)(void *ctx);
    /* Dispose of an object that the pool gives up. Without this function objects are given to weir_free. */
    void (*drop)(void *ctx, void *p);
    /* Passed to every callback. It belongs to the caller, and must live until the pool is freed and all its
     * objects are back. */
    void *ctx;
    /* For statistics and messages: the first 31 bytes are copied. NULL: none. */
    const char *name;
    /* Make an object as good as new. weir_pool_put calls it before the pool takes the object. */
    void (*reset)(void *ctx, void *p);
} weir_pool_options;

enum { WEIR_POOL_NAME = 32 };

/* What happened in a pool since it was made. Counts are exact; gets == hits + misses, held == puts - hits -
 * drops. */
typedef struct weir_pool_stats {
    char name[WEIR_POOL_NAME]; /* terminated */
    uint64_t gets;             /* objects asked for, */
    uint64_t hits;             /* of them served from the pool, */
    uint64_t misses;           /* and not served: these called new_object, or returned NULL */
    uint64_t steals; /* objects taken over from other threads, many at a time; not all were needed yet */
    uint64_t puts;   /* objects put */
    uint64_t drops;  /* objects given up */
    uint64_t held;   /* objects in the pool now */
    /* held times the mean size of objects put, in bytes; exact if all are of one size. Only objects on weir's
     * heap count, others count 0. The mean is of a sample of the puts. */
    uint64_t bytes_held;
    uint64_t cycles;  /* of the runtime that the pool has seen */
    uint64_t refused; /* of the drops: objects that were dropped when they were put */
} weir_pool_stats;

WEIR_API_BEGIN

/* Drop all objects of a pool, then free the pool. NULL does nothing. Objects that were got still belong to
 * their holders, who may put them: each is then dropped at once, and the last put frees the handle (some
 * hundred bytes). A put without a get lowers the count of objects outstanding, so the handle may then be
 * freed too early. Except for these puts, no thread may use the pool during this call or after it. A drop
 * callback may not free its own pool. The function waits for drop callbacks that run on other threads. */
WEIR_API void weir_pool_free(weir_pool *pool) WEIR_NOEXCEPT;

/* A new pool, empty; NULL with ENOMEM. The options are copied; NULL is the same as all 0. */
WEIR_API weir_pool *weir_pool_new(const weir_pool_options *options) WEIR_NOEXCEPT;

/* Limit the usable bytes of the objects in the pool; only objects on weir's heap count. An object that would
 * exceed the limit is dropped when it is put. 0: no limit. All objects in the pool are dropped when a first
 * limit is set, when the limit is removed, and when the new limit is exceeded already. A pool with a limit
 * counts each object: a get or put costs a call and an atomic addition more. */
WEIR_API void weir_pool_set_limit(weir_pool *pool, size_t bytes) WEIR_NOEXCEPT;

/* From now on call `refuses` at each put, before `reset`; if it returns true, the object is dropped. For
 * objects that have become larger than the next user needs. NULL: call none any more. */
WEIR_API void weir_pool_set_refusal(weir_pool *pool, bool (*refuses)(void *ctx, void *p)) WEIR_NOEXCEPT;

/* Get an object: one from the pool, or else a new one. NULL if there is neither. If the calling thread's part
 * of the pool has an object, this takes no lock and has no atomic read-modify-write operation, except in a
 * pool with a limit or with checks (see misuse above). After sync.Pool.Get. */
WEIR_API inline void *weir_pool_get(weir_pool *pool) WEIR_NOEXCEPT;

/* Put an object into the pool. NULL does nothing. If there is no memory to record the object, it is dropped.
 * errno is kept, unless a callback changes it. After sync.Pool.Put. */
WEIR_API inline void weir_pool_put(weir_pool *pool, void *p) WEIR_NOEXCEPT;

/* The two above call these when the thread's part of the pool is empty or full, and for all else that they do
 * not do inline (a limit, reset, refusal, checks). */
WEIR_API void *weir_pool_get_slow(weir_pool *pool) WEIR_NOEXCEPT;
WEIR_API void weir_pool_put_slow(weir_pool *pool, void *p) WEIR_NOEXCEPT;

/* Accessed by the code that is inlined into the program, without a call. */
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

/* A buffer of at least size bytes, aligned to 16, contents undefined; weir_usable_size tells its size. NULL
 * with ENOMEM. Sizes up to 1 MiB are rounded up to a power of two, at least 64 bytes, and each has a pool
 * "buffer-SIZE". Larger buffers come from weir_malloc. */
WEIR_API void *weir_buffer_pool_get(size_t size) WEIR_NOEXCEPT;

/* Put a buffer from weir_buffer_pool_get, or any other block that weir_free takes. NULL does nothing. Keeps
 * errno. weir_free is also allowed, but then the buffer does not go to a pool. */
WEIR_API void weir_buffer_pool_put(void *buffer) WEIR_NOEXCEPT;

/* --- Statistics --- */

/* Fill the first `size` bytes of the statistics, the size that the caller was compiled with; use
 * weir_read_pool_stats. */
WEIR_API void weir_read_pool_stats_sized(weir_pool *pool, void *stats, size_t size) WEIR_NOEXCEPT;

/* Read the statistics of a pool. Its users wait for a few microseconds. Never allocates, keeps errno. */
static inline void weir_read_pool_stats(weir_pool *pool, weir_pool_stats *stats) WEIR_NOEXCEPT
{
    weir_read_pool_stats_sized(pool, stats, sizeof *stats);
}

/* Call visit(ctx, stats, size) for every pool, the library's own included, in no particular order, until it
 * returns false. `size` is the number of bytes of the statistics that the library knows. A pool that is made
 * or freed meanwhile may be visited or not. visit is called with no lock held and may do anything; the
 * statistics are valid until it returns. */
WEIR_API void weir_pool_each(bool (*visit)(void *ctx, const weir_pool_stats *stats, size_t size),
                             void *ctx) WEIR_NOEXCEPT;

WEIR_API_END

#endif
