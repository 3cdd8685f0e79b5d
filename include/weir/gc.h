/* weir/gc.h: collected memory: the program allocates, the collector frees what nothing points to any more.
 *
 * The collector is a tracing one, conservative about stacks, registers, static data and objects without a
 * type: any aligned word that holds an address inside an object keeps it alive. Objects do not move. It looks
 * in
 *   - the stacks, registers and thread-local memory of all threads that have used weir,
 *   - the writable data of the program and of its shared libraries,
 *   - collected objects that it has reached, and the ranges given to weir_gc_add_roots,
 *   - what pools hold (weir/pool.h), and arenas made with `.scan` (weir/arena.h).
 * It does not look in memory from malloc, weir_malloc or mmap: a collected object that only such memory
 * points to is freed, unless that memory is among the roots.
 *
 * These rules hold for every function here:
 *   units        sizes are bytes.
 *   alignment    16 bytes.
 *   threads      any thread may call them at any time, except from a signal handler. A thread is known to the
 *                collector from its first call of weir on; one that was given a collected object before that
 *                has to call weir_gc_attach_thread first. What pthread_create hands to a thread, and what a
 *                thread returns, the collector does not see in between: whoever created the thread keeps its
 *                argument until it is attached, and the thread puts its result where it is a root.
 *   failure      NULL with errno = ENOMEM, after a collection has been tried.
 *   stopping     while the collector marks, all other such threads are stopped; if marking takes more than a
 *                millisecond (weir_gc_set_pause_budget), only at its beginning and its end. A task of weir's
 *                own traces the threads, which they do not notice. Where they may not be traced, the signal
 *                SIGURG stops them, or SIGWINCH where a thread blocks that. A thread must not block both
 *                then: after 2 s the collection is given up, the first time with a line on stderr
 *                (docs/gc.md).
 */
#ifndef WEIR_GC_H
#define WEIR_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* An object of at least size bytes, all zero. Every aligned word of it may hold a pointer. As Go's new and
 * the Boehm collector's GC_malloc. A pointer to its start, into it, or one past its end keeps it alive. For
 * the latter the object has one byte more than was asked for: 16 bytes take 32. */
WEIR_API void *weir_gc_alloc(size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((malloc, alloc_size(1)));

/* The same without the additional byte: 16 bytes take 16. A pointer one past the end does not keep the
 * object, and may keep the next object instead. Use it for structs, since programs do not keep pointers one
 * past these. weir_gc_realloc returns an object that has the byte. */
WEIR_API void *weir_gc_alloc_exact(size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((malloc, alloc_size(1)));

/* As weir_gc_alloc, for an object that will hold no pointers to collected objects: text, numbers. The
 * collector does not scan it, which is faster and cannot keep garbage alive. It is all zero, too. */
WEIR_API void *weir_gc_alloc_noscan(size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((malloc, alloc_size(1)));

/* Says where the objects of a type have pointers. It has to outlive all objects of the type, and is only
 * read. */
typedef struct weir_type {
    const char *name;
    size_t size; /* bytes of one element, a multiple of 8 */
    /* Bit i % 64 of word i / 64 is set if the word at offset 8 * i may be a pointer; size / 8 bits. NULL if
     * there is a trace function. */
    const uint64_t *pointers;
    /* Instead of the bits: a function that calls visit(context, p) for each pointer p in the `count` elements
     * at `object`. It runs while the world is stopped: it must not allocate, take a lock or call weir.
     * Several threads of the collector may call it at once, for different objects. `count` may be more than
     * was asked for; the additional elements are zero. */
    void (*trace)(const void *object, size_t count, void (*visit)(void *context, const void *p),
                  void *context);
} weir_type;

/* An array of count elements of the type, all zero. Only the words that the type names are followed. ENOMEM
 * if the product overflows. */
WEIR_API void *weir_gc_alloc_typed(const weir_type *type, size_t count) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((malloc));

/* Change the size of a collected object: contents up to the smaller size are kept, the rest is zero. The
 * result is of the same kind as the object (noscan, typed), and has its type; for a typed object, size is
 * that of the whole array, in bytes. Finalizers, cleanups and weak references stay attached. NULL with EINVAL
 * if `object` is not the start of a collected object; on failure the object is unchanged.
 * weir_gc_realloc(NULL, n) is weir_gc_alloc(n). (weir_realloc would move the object to manual memory.) */
WEIR_API void *weir_gc_realloc(void *object, size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((alloc_size(2)));

/* Free an object now. This is never needed; it saves work of the collector if the program knows that the
 * object is garbage. weir_free does the same. */
WEIR_API void weir_gc_free(void *object) WEIR_NOEXCEPT;

/* Collect now. Returns when everything that was garbage at the call is free. As Go's runtime.GC. */
WEIR_API void weir_gc(void) WEIR_NOEXCEPT;

/* Sweep for about `ns` nanoseconds: spans that the last collection left, and that allocations would
 * otherwise sweep one at a time. Returns true if there is more to sweep. It does not mark, since marking
 * stops the world. For a program's idle moments; never needed. */
WEIR_API bool weir_gc_step(uint64_t ns) WEIR_NOEXCEPT;

/* How long a collection may stop the program at a time, in nanoseconds; 1,000,000 unless
 * WEIR_DEBUG=pausebudget says otherwise. Where marking would take longer in one stop, it goes on beside the
 * program, and ends in a stop that is as short as this if the program's writes allow it. 0: always beside the
 * program, with stops as short as can be. UINT64_MAX: always in one stop, which costs the program least in
 * all. Returns what was set before. Any thread, at any time. */
WEIR_API uint64_t weir_gc_set_pause_budget(uint64_t ns) WEIR_NOEXCEPT;

/* While collections are disabled (disable was called more often than enable), none begins by itself: not for
 * growth, nor for a limit, nor when memory has run out. The program can still collect, by weir_gc and
 * weir_free_os_memory. (The Boehm collector's GC_disable stops these too; here weir_gc_forbid_begin does. In
 * Go the nearest is SetGCPercent(-1), which a limit overrides.) */
WEIR_API void weir_gc_disable(void) WEIR_NOEXCEPT;
WEIR_API void weir_gc_enable(void) WEIR_NOEXCEPT;

/* Between these two calls no thread collects: weir_gc does nothing, and a collection that is triggered comes
 * afterwards. For a section in which the program has pointers where the collector does not look. Pairs nest,
 * in one thread and across threads; a pair is begun and ended by the same thread. Begin waits until a
 * collection that runs has ended. As the Boehm collector's GC_disable. */
WEIR_API void weir_gc_forbid_begin(void) WEIR_NOEXCEPT;
WEIR_API void weir_gc_forbid_end(void) WEIR_NOEXCEPT;

/* What a word in a collected object keeps alive, from the next collection on. With true: an object, if the
 * word points to its start. With false, the default: an object, if the word points anywhere into it. Words on
 * stacks, in registers and in other roots always count wherever they point to. True means fewer false
 * pointers, for programs whose objects point only to starts. Returns what was set before. */
WEIR_API bool weir_gc_set_base_only(bool base_only) WEIR_NOEXCEPT;

/* Scan [start, start + size) for pointers too, until it is removed; start and size are multiples of 8.
 * Returns 0; -1 with ENOMEM; -1 with EINVAL if they are not multiples of 8, or if the end is beyond the last
 * address. weir_gc_remove_roots removes the range that was added last with this start; if there is none, it
 * does nothing. The memory belongs to the caller. */
WEIR_API int weir_gc_add_roots(const void *start, size_t size) WEIR_NOEXCEPT;
WEIR_API void weir_gc_remove_roots(const void *start) WEIR_NOEXCEPT;

/* Make the calling thread known to the collector before its first allocation, until it ends. */
WEIR_API void weir_gc_attach_thread(void) WEIR_NOEXCEPT;

/* Between these two calls the thread waits in the kernel (a read, a poll) and touches no collected object, so
 * the collector need not stop it. Pairs do not nest. */
WEIR_API void weir_gc_block_begin(void) WEIR_NOEXCEPT;
WEIR_API void weir_gc_block_end(void) WEIR_NOEXCEPT;

/* Coroutines: stacks that the program itself makes and switches between (swapcontext or the like). The
 * collector scans the registered ones. If no thread runs on a stack, it is scanned from the place where it
 * was left.
 *
 *     weir_gc_stack_switch(coroutine->stack);                            the thread leaves the stack it is on
 *     swapcontext(&here, &coroutine->context);
 *
 * The stack of signal handlers (sigaltstack) has to be registered too, if handlers run for long or hold
 * collected objects; it is not switched to by weir_gc_stack_switch. */
typedef struct weir_gc_stack weir_gc_stack;

/* Register the stack of size bytes from `low` on, until it is removed. All bytes have to be readable (without
 * a guard page). NULL with ENOMEM; NULL with EINVAL if it has no room for two words, or if its end is beyond
 * the last address. Until a thread has left the stack for the first time, its uppermost 1024 bytes count as
 * in use. What is passed to a new coroutine in registers (makecontext's arguments) has to be reachable from
 * elsewhere until the coroutine runs. The memory belongs to the caller. */
WEIR_API weir_gc_stack *weir_gc_stack_add(void *low, size_t size) WEIR_NOEXCEPT;

/* Remove the stack. No thread may run on it any more. NULL does nothing. */
WEIR_API void weir_gc_stack_remove(weir_gc_stack *stack) WEIR_NOEXCEPT;

/* Say that the calling thread is about to switch from its present stack to this one; NULL: to the thread's
 * own stack. Call it on the stack that is left, in the function that then switches, and also when a coroutine
 * ends. Any thread may resume a suspended coroutine. It takes no lock and some ten nanoseconds. */
WEIR_API void weir_gc_stack_switch(weir_gc_stack *to) WEIR_NOEXCEPT;

/* If p points into a collected object that is not known to be dead: the object's start. Otherwise NULL. */
WEIR_API void *weir_gc_base(const void *p) WEIR_NOEXCEPT;

/* Keep the object that p points to alive at least until here. As Go's runtime.KeepAlive. */
static inline void weir_gc_keep_alive(const void *p)
{
#if defined(__GNUC__) || defined(__clang__)
    __asm__ volatile("" : : "r"(p) : "memory");
#else
    static const void *volatile sink;
    sink = p;
#endif
}

WEIR_API_END

#endif
