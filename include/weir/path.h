/* weir/path.h: why is this object kept? A shortest chain of pointers that leads from a root to it.
 *
 *     static data of prog+0x4040 --> object of 64 bytes, +16 --> object of 4096 bytes, +8 --> the object
 *
 * For collected memory: of weir/gc.h, and that of malloc in collect mode (WEIR_COLLECT=1) and under
 * WEIR_DEBUG=leaks=1. `weir why` prints the same of a running program.
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
    int thread;     /* the kernel's number; of WEIR_ROOT_STACK, _REGISTERS and _THREAD_LOCAL; 0: not known */
    const void *at; /* an object's start; of a root the word with the pointer; NULL: there is none */
    size_t size;    /* of an object; else 0 */
    /* Where the pointer to the next step is: in the object; above the thread's stack pointer; in the module,
     * as its symbol table counts; in the range. SIZE_MAX: nowhere, a weak map's entry or a type's function
     * leads on. */
    size_t offset;
    /* Of WEIR_ROOT_STATIC, as dladdr says; "", NULL: not known, or not exported. Of WEIR_ROOT_ARENA and
     * _POOL: its name, valid until visit returns; NULL: none. */
    const char *module, *symbol;
    size_t skipped; /* objects of the path left out before this one: of a long one the middle is */
    /* The calls that allocated the object, the innermost first, then NULL: if the heap profile has it as a
     * sample, or under WEIR_DEBUG=leaks=1. */
    const void *calls[WEIR_PATH_CALLS];
} weir_path_step;

WEIR_API_BEGIN

/* Call visit(ctx, step, size) for the steps of a path to the object that p points into, until it returns
 * false; p NULL: to one that is picked at random, by bytes, of all that are reached. Of what leaks the most a
 * random object probably is. `size`: how many bytes of the struct the library knows.
 *
 *   result    how many objects the path has, this one included. 0: nothing leads to it, the next collection
 *             frees it. -1 with EINVAL: it is no collected object; EDEADLK: called by a listener or callback
 *             of a collection; ENOMEM; EAGAIN: the threads could not be stopped, or not all roots be found.
 *   own stack the calling thread's registers and stack probably hold p: they are looked at only if nothing
 *             else leads to the object. So of a path from there nothing follows but that there is no other.
 *   threads   any thread may call it, except from a signal handler. It waits for a collection that runs.
 *   cost      all other threads stand still while every object that is reached is looked at, by this thread
 *             alone: some ten times as long as a collection. Meanwhile memory of 1.6 times the collected
 *             heap's size may be taken from the kernel at worst; none of it is kept, and nothing is
 *             allocated, collected or freed.
 *   visit     is called when all threads run again, with no lock held: an object may be gone by then. */
WEIR_API ptrdiff_t weir_gc_path(const void *p,
                                bool (*visit)(void *ctx, const weir_path_step *step, size_t size),
                                void *ctx) WEIR_NOEXCEPT;

WEIR_API_END

#endif
