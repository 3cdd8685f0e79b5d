/* watch: see watch.h. */
#include "arena/watch.h"

#include "runtime/heap/heap.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAS_VALGRIND 1
#endif
#endif

enum { ASAN = 1, VALGRIND = 2, HEAPTRACK = 4 };

/* Defined if the tool is in the process. Those of heaptrack are what its header calls heaptrack_report_alloc
 * and heaptrack_report_free. */
__attribute__((weak)) void __asan_poison_memory_region(const volatile void *start, size_t size);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *start, size_t size);
__attribute__((weak)) void heaptrack_malloc(void *object, size_t size);
__attribute__((weak)) void heaptrack_free(void *object);

/* --- valgrind, if its header was there --- */

#ifdef HAS_VALGRIND
static bool valgrind_is_there(void)
{
    return RUNNING_ON_VALGRIND;
}

static void valgrind_begin(const watch_t *watch)
{
    VALGRIND_CREATE_MEMPOOL(watch, WATCH_GAP, 0);
}

static void valgrind_end(const watch_t *watch)
{
    VALGRIND_DESTROY_MEMPOOL(watch);
}

static void valgrind_hide(char *start, size_t size)
{
    (void)VALGRIND_MAKE_MEM_NOACCESS(start, size);
}

static void valgrind_show(char *start, size_t size)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(start, size);
}

static void valgrind_object(const watch_t *watch, char *start, size_t size)
{
    VALGRIND_MEMPOOL_ALLOC(watch, start, size);
}

static void valgrind_resize(const watch_t *watch, char *start, size_t size)
{
    VALGRIND_MEMPOOL_CHANGE(watch, start, start, size);
}

static void valgrind_forget(const watch_t *watch, char *start)
{
    VALGRIND_MEMPOOL_FREE(watch, start);
}

/* valgrind cannot move one object from a pool to another, so the object is freed and allocated. Which of its
 * bytes were defined is lost by that: all count as defined. */
static void valgrind_move(const watch_t *into, const watch_t *from, char *start, size_t size)
{
    VALGRIND_MEMPOOL_FREE(from, start);
    VALGRIND_MEMPOOL_ALLOC(into, start, size);
    (void)VALGRIND_MAKE_MEM_DEFINED(start, size);
}
#else
static bool valgrind_is_there(void)
{
    return false;
}

#define valgrind_begin(watch) ((void)0)
#define valgrind_end(watch) ((void)0)
#define valgrind_hide(start, size) ((void)0)
#define valgrind_show(start, size) ((void)0)
#define valgrind_object(watch, start, size) ((void)0)
#define valgrind_resize(watch, start, size) ((void)0)
#define valgrind_forget(watch, start) ((void)0)
#define valgrind_move(into, from, start, size) ((void)0)
#endif

static unsigned tools_there(void)
{
    return (__asan_poison_memory_region && __asan_unpoison_memory_region ? ASAN : 0) |
           (valgrind_is_there() ? VALGRIND : 0) | (heaptrack_malloc && heaptrack_free ? HEAPTRACK : 0);
}

bool watch_is_wanted(void)
{
    return tools_there() != 0;
}

watch_t *watch_begin(void)
{
    watch_t *watch = heap_calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    watch->tools = tools_there();
    if (watch->tools & VALGRIND)
        valgrind_begin(watch);
    return watch;
}

void watch_end(watch_t *watch)
{
    watch_forget(watch, 0);
    if (watch->tools & VALGRIND)
        valgrind_end(watch);
    heap_free(watch->objects);
    heap_free(watch);
}

void watch_hide(watch_t *watch, char *start, char *end)
{
    if (watch->tools & ASAN)
        __asan_poison_memory_region(start, (size_t)(end - start));
    if (watch->tools & VALGRIND)
        valgrind_hide(start, (size_t)(end - start));
}

void watch_show(watch_t *watch, char *start, char *end)
{
    if (watch->tools & ASAN)
        __asan_unpoison_memory_region(start, (size_t)(end - start));
    if (watch->tools & VALGRIND)
        valgrind_show(start, (size_t)(end - start));
}

static bool reserve(watch_t *watch, size_t more)
{
    if (watch->capacity - watch->count >= more)
        return true;
    size_t capacity = watch->capacity * 2 + more + 32;
    struct watched *objects = heap_realloc(watch->objects, capacity * sizeof *objects);
    if (!objects)
        return false;
    watch->objects = objects;
    watch->capacity = capacity;
    return true;
}

bool watch_object(watch_t *watch, char *start, size_t size)
{
    if (!reserve(watch, 1))
        return false;
    watch->objects[watch->count++] = (struct watched){start, size};
    if (watch->tools & ASAN)
        __asan_unpoison_memory_region(start, size);
    if (watch->tools & VALGRIND)
        valgrind_object(watch, start, size);
    if (watch->tools & HEAPTRACK)
        heaptrack_malloc(start, size);
    return true;
}

void watch_resize(watch_t *watch, char *start, size_t size, size_t new_size)
{
    for (size_t i = watch->count; i-- > 0;)
        if (watch->objects[i].start == start) {
            watch->objects[i].size = new_size;
            break;
        }
    if (watch->tools & ASAN) {
        __asan_poison_memory_region(start, size);
        __asan_unpoison_memory_region(start, new_size);
    }
    if (watch->tools & VALGRIND)
        valgrind_resize(watch, start, new_size);
    if (watch->tools & HEAPTRACK) {
        heaptrack_free(start);
        heaptrack_malloc(start, new_size);
    }
}

static void forget_object(const watch_t *watch, const struct watched *object)
{
    if (watch->tools & HEAPTRACK)
        heaptrack_free(object->start);
    if (watch->tools & VALGRIND)
        valgrind_forget(watch, object->start);
    if (watch->tools & ASAN)
        __asan_poison_memory_region(object->start, object->size);
}

void watch_forget(watch_t *watch, size_t count)
{
    while (watch->count > count)
        forget_object(watch, &watch->objects[--watch->count]);
}

bool watch_move(watch_t *into, watch_t *from)
{
    if (!reserve(into, from->count))
        return false;
    for (size_t i = 0; i < from->count; i++) {
        struct watched *object = &from->objects[i];
        into->objects[into->count++] = *object;
        if (into->tools & VALGRIND)
            valgrind_move(into, from, object->start, object->size);
    }
    from->count = 0;
    return true;
}
