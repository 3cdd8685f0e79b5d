/* weir/path.h: why an object is kept: a shortest chain of pointers that leads from a root to it.
 *
 *     static data of prog+0x4040 --> object of 64 bytes, +16 --> object of 4096 bytes, +8 --> the object
 *
 * It works for collected memory: objects of weir/gc.h, and blocks of malloc in collect mode (WEIR_COLLECT=1)
 * and under WEIR_DEBUG=leaks=1. `weir why` prints the same for a running program.
 */
#ifndef WEIR_PATH_H
#define WEIR_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/api.h>

typedef enum weir_root_kind {
    WEIR_ROOT_NONE,         /* it is no root but an object */
    WEIR_ROOT_STATIC,       /* static data of the program or of a library */
    WEIR_ROOT_STACK,        /* the stack of a thread */
    WEIR_ROOT_REGISTERS,    /* the registers of a thread */
    WEIR_ROOT_THREAD_LOCAL, /* thread-local memory, pthread_setspecific's values included */
    WEIR_ROOT_COROUTINE,    /* a suspended stack of weir_gc_stack_add */
    WEIR_ROOT_RANGE,        /* weir_gc_add_roots */
    WEIR_ROOT_ARENA,        /* an arena made with .scan */
    WEIR_ROOT_POOL,         /* what a pool holds */
    WEIR_ROOT_FINALIZER,    /* a finalizer that has not run, or the argument of one or of a cleanup */
    WEIR_ROOT_MAPPING,      /* other memory that the process has written: of mmap, in collect mode */
    WEIR_ROOT_KEPT,         /* blocks of WEIR_KEEP */
    WEIR_ROOT_RUNTIME,      /* weir's own threads */
} weir_root_kind;

enum { WEIR_PATH_CALLS = 8 };

/* The first step of a path is the root, the last is the object. Sizes and offsets are bytes. */
typedef struct weir_path_step {
    weir_root_kind root;
    int thread;     /* the kernel's thread id, for WEIR_ROOT_STACK, _REGISTERS, _THREAD_LOCAL; 0: unknown */
    const void *at; /* the object's start; of a root, the word with the pointer; NULL: there is none */
    size_t size;    /* of an object; else 0 */
    /* Where the pointer to the next step lies, counted from the object's start; from the thread's stack
     * pointer, upwards; from the module's base, as its symbol table counts; or from the range's start.
     * SIZE_MAX: no word leads to the next step, but an entry of a weak map or a type's trace function. */
    size_t offset;
    /* Of WEIR_ROOT_STATIC: what dladdr says; "" and NULL mean not known, or not exported. Of WEIR_ROOT_ARENA
     * and _POOL: the name of the arena or pool, valid until visit returns; NULL: it has none. */
    const char *module, *symbol;
    size_t skipped; /* objects left out before this one: a long path is told without its middle */
    /* The calls that allocated the object, the innermost first, followed by NULL. They are known if the heap
     * profile has sampled the object, or under WEIR_DEBUG=leaks=1. */
    const void *calls[WEIR_PATH_CALLS];
} weir_path_step;

WEIR_API_BEGIN

/* Call visit(ctx, step, size) for the steps of a path to the object that p points into, until it returns
 * false. `size` is the number of bytes of the struct that the library knows. If p is NULL, an object is
 * picked at random from all that are reached, with a probability in proportion to its size: if something
 * leaks, the object probably belongs to it.
 *
 *   result    how many objects the path has, this one included. 0: nothing leads to the object, and the next
 *             collection frees it. -1 with EINVAL: it is not a collected object; EDEADLK: the caller is a
 *             listener or callback of a collection; ENOMEM; EAGAIN: the threads could not be stopped, or not
 *             all roots could be found.
 *   own stack the calling thread's registers and stack probably hold p, so they are scanned only if nothing
 *             else leads to the object. A path that begins there only shows that nothing else leads to it.
 *   threads   any thread may call it, except from a signal handler. It waits for a collection that runs.
 *   cost      all other threads are stopped while this thread alone scans every object that is reached, some
 *             ten times as long as a collection takes. In the worst case it takes 1.6 times the size of the
 *             collected heap from the kernel, and gives all of it back. Nothing is allocated, collected or
 *             freed.
 *   visit     is called when all threads run again, with no lock held; an object may be gone by then. */
WEIR_API ptrdiff_t weir_gc_path(const void *p,
                                bool (*visit)(void *ctx, const weir_path_step *step, size_t size),
                                void *ctx) WEIR_NOEXCEPT;

WEIR_API_END

#endif
