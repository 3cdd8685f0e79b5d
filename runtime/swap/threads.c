/* threads: under WEIR_COLLECT every thread needs a heap before it holds a pointer only in a register, since a
 * thread without a heap is not stopped. So the functions that start threads are wrapped, and the first thing
 * that a thread does is to get a heap.
 *
 * Until then this file's record keeps the thread's argument alive; the C library keeps the record's address
 * at the end of the thread's stack. Threads that the C library starts for itself (timers, asynchronous I/O)
 * get a heap by their first allocation.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <threads.h>

#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/heap/heap.h"
#include "runtime/swap/swap.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/stop_by.h"
#include "runtime/threads/world.h"

/* In the program's memory: a collected object. */
typedef struct start {
    void *(*run)(void *);
    int (*run_c11)(void *); /* of thrd_create; else NULL */
    void *argument;
    size_t stack_size;
    uint64_t mask; /* of the thread that starts it, if it hides a signal: stop_by.h */
} start_t;

/* In the new thread: gets a heap, and frees the record. */
static start_t begin(void *record)
{
    start_t start = *(start_t *)record;
    stop_by_inherit(start.mask);
    thread_heap();
    if (start.stack_size)
        world_thread_stack_size(start.stack_size);
    heap_free(record);
    return start;
}

/* The C library keeps the stacks of threads that have ended. What is left there must not hide a leak. */
__attribute__((noinline)) static void wipe_below(void)
{
    char below[4096];
    memset(below, 0, sizeof below);
    __asm__ volatile("" : : "r"(below) : "memory");
}

static void *run(void *record)
{
    start_t start = begin(record);
    void *result = start.run(start.argument);
    if (options.leaks)
        wipe_below();
    return result;
}

static int run_c11(void *record)
{
    start_t start = begin(record);
    int result = start.run_c11(start.argument);
    if (options.leaks)
        wipe_below();
    return result;
}

static size_t stack_size_of(const pthread_attr_t *attributes)
{
    pthread_attr_t usual;
    size_t size = 0;
    if (attributes)
        return pthread_attr_getstacksize(attributes, &size) == 0 ? size : 0;
    if (pthread_getattr_default_np(&usual) == 0) {
        pthread_attr_getstacksize(&usual, &size);
        pthread_attr_destroy(&usual);
    }
    return size;
}

/* Threads that are started in the middle of a cycle are the runtime's own, and hold no pointer of the
 * program. The options are known as soon as there is a heap. */
static bool is_watched(void)
{
    thread_heap();
    return options.collect && !cache.cycling;
}

static start_t *record_new(start_t start)
{
    start_t *record = heap_malloc(sizeof *record);
    start.mask = stop_by_bequeath();
    if (record)
        *record = start;
    return record;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *argument)
{
    typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static create *_Atomic next;
    if (!next)
        next = (create *)(uintptr_t)dlsym(RTLD_NEXT, "pthread_create");
    if (!is_watched())
        return next(thread, attributes, function, argument);
    start_t *record =
        record_new((start_t){.run = function, .argument = argument, .stack_size = stack_size_of(attributes)});
    int error = record ? next(thread, attributes, run, record) : EAGAIN;
    if (error)
        heap_free(record);
    return error;
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    typedef int create(thrd_t *, thrd_start_t, void *);
    static create *_Atomic next;
    if (!next)
        next = (create *)(uintptr_t)dlsym(RTLD_NEXT, "thrd_create");
    if (!is_watched())
        return next(thread, function, argument);
    start_t *record =
        record_new((start_t){.run_c11 = function, .argument = argument, .stack_size = stack_size_of(NULL)});
    int error = record ? next(thread, run_c11, record) : thrd_nomem;
    if (error != thrd_success)
        heap_free(record);
    return error;
}
