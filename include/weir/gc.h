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
 * Holds for every function here:
 *   units        sizes are bytes.
 *   alignment    16 bytes.
 *   threads      any thread may call them at any time, except from a signal handler. A thread is known to the
 *                collector from its first call of weir on; one that was given a collected object before that
 *                has to call weir_gc_attach_thread first.
 *   failure      NULL with errno = ENOMEM, after a collection has been tried.
 *   stopping     while the collector marks, all other such threads stand still: a task of weir's traces them,
 *                and they do not see it. Where they may not be traced the signal SIGURG stops them, which a
 *                thread must not block then: after 2 s the collection is given up, with a line on stderr the
 *                first time (docs/gc.md).
 */
#ifndef WEIR_GC_H
#define WEIR_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* An object of at least size bytes, all zero. Every aligned word of it may hold a pointer. As Go's new and
 * the Boehm collector's GC_malloc. It is kept by a pointer to its start, into it, or one past its end, which
 * lies in a byte more than was asked for: 16 bytes take 32. */
WEIR_API void *weir_gc_alloc(size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((malloc, alloc_size(1)));

/* The same without that byte: 16 bytes take 16. A pointer one past its end does not keep it, and may lead to
 * the object behind it. For structs, to which nobody points that way. weir_gc_realloc gives an object that
 * has the byte. */
WEIR_API void *weir_gc_alloc_exact(size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((malloc, alloc_size(1)));

/* As weir_gc_alloc for an object that will hold no pointers to collected objects: text, numbers. It is not
 * looked into, which is faster and cannot keep garbage alive. All zero as well. */
WEIR_API void *weir_gc_alloc_noscan(size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((malloc, alloc_size(1)));

/* Where the pointers are in a type of objects. Has to outlive them; is only read. */
typedef struct weir_type {
    const char *name;
    size_t size; /* bytes of one element, a multiple of 8 */
    /* Bit i of word i / 64: the word at offset 8 * i may be a pointer. size / 8 bits; NULL if there is a
     * trace. */
    const uint64_t *pointers;
    /* Or: calls visit(context, p) for each pointer p in the `count` elements at object. Runs while the world
     * stands still: it must not allocate, lock or call weir. Memory behind the elements that were asked for
     * is zero. */
    void (*trace)(const void *object, size_t count, void (*visit)(void *context, const void *p),
                  void *context);
} weir_type;

/* An array of count elements of the type, all zero: only its pointers are followed. ENOMEM if the product
 * overflows. */
WEIR_API void *weir_gc_alloc_typed(const weir_type *type, size_t count) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((malloc));

/* A collected object with its size changed: contents up to the smaller size are kept, the rest is zero. It
 * has the kind of the old one; of a typed one also the type, and size is that of the whole array, in bytes.
 * Finalizers and weak references come along. NULL with EINVAL if it is not the start of a collected object.
 * weir_gc_realloc(NULL, n) is weir_gc_alloc(n). weir_realloc would move it to manual memory. */
WEIR_API void *weir_gc_realloc(void *object, size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((alloc_size(2)));

/* Free an object now. Never needed; saves the collector work where the program knows. weir_free does the
 * same. */
WEIR_API void weir_gc_free(void *object) WEIR_NOEXCEPT;

/* Collect now. Returns when everything that was garbage at the call is free. As Go's runtime.GC. */
WEIR_API void weir_gc(void) WEIR_NOEXCEPT;

/* Do some of what a collection left to do, for about so many nanoseconds: spans are swept that an allocation
 * would otherwise sweep one at a time. True: there is more. Marking is not among it: it stops the world, as a
 * whole. For a program's idle moments; never needed. */
WEIR_API bool weir_gc_step(uint64_t ns) WEIR_NOEXCEPT;

/* Collections begin by themselves unless disabled more often than enabled: neither growth, nor a limit, nor
 * memory that has run out begins one then. The program still can: weir_gc and weir_free_os_memory collect.
 * (The Boehm collector's GC_disable makes these ineffective too: that is weir_gc_forbid_begin. Go's is
 * SetGCPercent(-1), which a limit overrides.) */
WEIR_API void weir_gc_disable(void) WEIR_NOEXCEPT;
WEIR_API void weir_gc_enable(void) WEIR_NOEXCEPT;

/* Between the two nothing is collected, by no thread: weir_gc does nothing, and a collection that is
 * triggered comes afterwards. For a section that has pointers where the collector does not look. Pairs nest,
 * of one thread and of several; each is begun and ended by one thread. Begin waits for a collection that
 * runs. As the Boehm collector's GC_disable. */
WEIR_API void weir_gc_forbid_begin(void) WEIR_NOEXCEPT;
WEIR_API void weir_gc_forbid_end(void) WEIR_NOEXCEPT;

/* From the next collection on: shall a word in a collected object keep alive only what it points to the start
 * of? (true), or whatever it points into (false: so it is at first). Words on stacks, in registers and in
 * other roots always count for any place. Fewer false pointers, for programs whose objects point to starts
 * only. Returns what was set before. */
WEIR_API bool weir_gc_set_base_only(bool base_only) WEIR_NOEXCEPT;

/* Look for pointers in [start, start + size) too, until it is removed; both are multiples of 8. Returns 0, or
 * -1 with ENOMEM; with EINVAL if they are no multiples, or the end is beyond the last address. */
WEIR_API int weir_gc_add_roots(const void *start, size_t size) WEIR_NOEXCEPT;
WEIR_API void weir_gc_remove_roots(const void *start) WEIR_NOEXCEPT;

/* Make the calling thread known to the collector before its first allocation. It is forgotten when it
 * ends. */
WEIR_API void weir_gc_attach_thread(void) WEIR_NOEXCEPT;

/* Between the two the thread waits in the kernel (a read, a poll) and touches no collected object: it need
 * not be stopped. Pairs do not nest. */
WEIR_API void weir_gc_block_begin(void) WEIR_NOEXCEPT;
WEIR_API void weir_gc_block_end(void) WEIR_NOEXCEPT;

/* Coroutines: stacks that the program makes and switches between by itself (swapcontext or the like). The
 * collector looks into those that are registered: where no thread is on one, from where it was left.
 *
 *     weir_gc_stack_switch(coroutine->stack);                            the thread leaves the stack it is on
 *     swapcontext(&here, &coroutine->context);
 *
 * Also the stack of signal handlers (sigaltstack) is to be registered if they run for long or hold collected
 * objects; it is not switched to. */
typedef struct weir_gc_stack weir_gc_stack;

/* Register size bytes from low on, all of them readable (without a guard page), until it is removed. NULL
 * with ENOMEM; with EINVAL if it has not room for two words, or its end is beyond the last address. As
 * long as no thread has left it the uppermost 1024 bytes count as in use; what is passed to a new coroutine
 * in registers (makecontext's arguments) has to be reached from elsewhere until it runs. The memory stays the
 * caller's. */
WEIR_API weir_gc_stack *weir_gc_stack_add(void *low, size_t size) WEIR_NOEXCEPT;

/* No thread is on it any more. NULL does nothing. */
WEIR_API void weir_gc_stack_remove(weir_gc_stack *stack) WEIR_NOEXCEPT;

/* The calling thread is about to leave the stack that it is on for this one; NULL: for its own. To be called
 * on the stack that is left, by the function that then switches, and also when a coroutine ends. A suspended
 * coroutine may be gone on with by any thread. Takes no lock: some ten nanoseconds. */
WEIR_API void weir_gc_stack_switch(weir_gc_stack *to) WEIR_NOEXCEPT;

/* Is p a collected object that is alive, as far as is known? Its start, if p points inside one; else NULL. */
WEIR_API void *weir_gc_base(const void *p) WEIR_NOEXCEPT;

/* The object that p points to lives at least until here. As Go's runtime.KeepAlive. */
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
