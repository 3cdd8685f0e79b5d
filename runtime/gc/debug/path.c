/* path: see path.h. */
#include "runtime/gc/debug/path.h"

#include <errno.h>
#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/cells/span_size.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/debug/reftrace.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/roots/loaded.h"
#include "runtime/gc/roots/roots.h"
#include "runtime/gc/roots/stacks.h"
#include "runtime/os/os.h"
#include "runtime/profile/origin.h"
#include "runtime/profile/profile.h"
#include "runtime/threads/world.h"

/* The state of the search, with the world stopped. No address of an object may be in here: if the library is
 * linked into the program, this variable is among the roots. */
static struct {
    uintptr_t own_from, own_to; /* the caller's stack */
    enum phase { OTHERS, THREADS, OWN } phase;
    uintptr_t word;  /* a root, whose kind is to be found */
    uintptr_t range; /* start of the range that holds the word; 0: not found yet */
    root_source_t source;
} path;

/* --- reaching the object --- */

/* In which phase the word is visited. Roots that belong to no thread come first: a path from them says
 * more. */
static enum phase phase_of(uintptr_t word)
{
    root_source_t source = roots_source();
    if (word - path.own_from < path.own_to - path.own_from ||
        (source.heap == cache.heap && source.kind == WEIR_ROOT_REGISTERS))
        return OWN;
    return source.heap ? THREADS : OTHERS;
}

static void visit_path_range(uintptr_t from, uintptr_t to)
{
    for (; from < to; from += sizeof(uintptr_t))
        if (phase_of(from) == path.phase)
            reftrace_visit_word(from);
}

static void visit_roots(uintptr_t here, enum phase phase)
{
    path.phase = phase;
    roots_each(here, visit_path_range);
}

/* An object with a finalizer lives until that has run. */
static void visit_finalizers(void)
{
    for (uint32_t number = 1; number < side_table_end(); number++)
        if (side_table_at(number)->kind == SIDE_FINALIZER && side_table_at(number)->object)
            reftrace_visit_object(side_table_at(number)->object);
}

/* False: out of memory. */
static bool reach_by_others(uintptr_t here)
{
    visit_roots(here, OTHERS);
    visit_roots(here, THREADS);
    if (!reftrace_run())
        return false;
    visit_finalizers();
    return reftrace_run();
}

static bool reach_by_own(uintptr_t here)
{
    visit_roots(here, OWN);
    return reftrace_run();
}

static size_t size_of(uintptr_t object)
{
    return span_usable(span_of_slot(region_slot((const void *)object)));
}

/* The number of an object chosen at random, where each byte is as probable as any other; 0: there is no
 * object. */
static size_t pick(void)
{
    size_t bytes = 0, number = 1;
    for (size_t i = 1; i <= reftrace_count(); i++)
        bytes += size_of(reftrace_at(i)->object);
    size_t at = bytes ? os_now_ns() * 0x9e3779b97f4a7c15u % bytes : 0;
    while (number < reftrace_count() && at >= size_of(reftrace_at(number)->object))
        at -= size_of(reftrace_at(number++)->object);
    return reftrace_count() ? number : 0;
}

/* Find the part of the calling thread's stack that is in use, without the thread-local memory above it. */
static void find_own(uintptr_t here)
{
    uintptr_t from, to;
    const weir_gc_stack *on = stacks_around(here);
    loaded_thread_local(cache.heap, &from, &to);
    path.own_from = here;
    path.own_to = on ? on->high : cache.heap->thread.stack_to;
    if (from > here && from < path.own_to)
        path.own_to = from;
}

/* --- naming the root --- */

static void find_range(uintptr_t from, uintptr_t to)
{
    if (!path.range && path.word - from < to - from && from < to) {
        path.range = from;
        path.source = roots_source();
    }
}

static bool is_of_thread(const heap_t *heap, weir_path_step *root)
{
    uintptr_t word = (uintptr_t)root->at, from, to, local_from, local_to;
    world_stack(heap, &from, &to);
    loaded_thread_local(heap, &local_from, &local_to);
    from = heap == cache.heap ? path.own_from : from;
    bool is_local = word >= local_from && word < local_to;
    if (!is_local && (word < from || word >= to))
        return false;
    root->root = is_local ? WEIR_ROOT_THREAD_LOCAL : WEIR_ROOT_STACK;
    root->offset = is_local ? 0 : word - from;
    root->thread = heap->thread.id;
    return true;
}

/* One mapping may hold a thread's stack, its thread-local memory and more, so a root there is looked up in
 * every thread. */
static void name_root(uintptr_t here, path_t *found)
{
    weir_path_step *root = &found->steps[0];
    path.word = (uintptr_t)root->at;
    path.range = 0;
    roots_each(here, find_range);
    const heap_t *of = path.source.heap;
    root->root = path.source.kind;
    root->thread = of ? of->thread.id : 0;
    if (path.source.name && path.source.name[0]) {
        memcpy(found->name, path.source.name, strnlen(path.source.name, PATH_NAME - 1));
        root->symbol = found->name;
    }
    root->offset = root->root == WEIR_ROOT_RANGE ? path.word - path.range : 0;
    if (root->root != WEIR_ROOT_STACK && root->root != WEIR_ROOT_MAPPING)
        return;
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        if (heap_has_thread(heap) && is_of_thread(heap, root))
            return;
    if (of && path.word >= of->thread.stack_from)
        root->offset = path.word - of->thread.stack_from; /* on a coroutine's stack */
}

/* --- the path --- */

/* The number of the object that led to this one; 0: a root did. */
static size_t before(const reached_t *reached)
{
    if (reached->from == REFTRACE_MAP_ENTRY)
        return reftrace_find(side_table_at((uint32_t)reached->at)->object);
    return reached->from;
}

static void fill_calls(const void *p, weir_path_step *step)
{
    uintptr_t *calls = (uintptr_t *)step->calls;
    const origin_t *origin = origin_of(p);
    if (!origin) {
        profile_calls_of(p, calls, WEIR_PATH_CALLS);
        return;
    }
    const origin_stack_t *stack = origin_stack(origin->stack);
    for (uint32_t i = 0; i < stack->depth && i < WEIR_PATH_CALLS; i++)
        calls[i] = stack->frames[i];
}

/* `next`: the next object on the path; NULL: this is the last. */
static void fill(weir_path_step *step, const reached_t *reached, const reached_t *next)
{
    *step = (weir_path_step){.at = (const void *)reached->object, .size = size_of(reached->object)};
    if (next)
        step->offset = next->at && next->from != REFTRACE_MAP_ENTRY ? next->at - reached->object : SIZE_MAX;
    fill_calls(step->at, step);
}

/* Fill in the path, from its end to its root. The middle of a long path is left out. */
static void fill_all(uintptr_t here, size_t number, path_t *found)
{
    for (size_t i = number; i; i = before(reftrace_at(i)))
        found->length++;
    size_t skipped = found->length > 2 * PATH_END ? found->length - 2 * PATH_END : 0;
    found->count = 1 + found->length - skipped;
    size_t place = found->count - 1, left = found->length;
    const reached_t *next = NULL, *reached = NULL;
    for (size_t i = number; i; i = before(reached), left--) {
        reached = reftrace_at(i);
        if (!skipped || left <= PATH_END || left > found->length - PATH_END)
            fill(&found->steps[place--], reached, next);
        next = reached;
    }
    if (skipped)
        found->steps[1 + PATH_END].skipped = skipped;
    found->steps[0] =
        (weir_path_step){.root = WEIR_ROOT_FINALIZER, .at = (const void *)reached->at, .offset = SIZE_MAX};
    if (reached->at)
        name_root(here, found);
}

static int search_path(uintptr_t here, const void *p, path_t *found)
{
    uintptr_t object = (uintptr_t)mark_base(p);
    if (p && !object)
        return EINVAL;
    find_own(here);
    bool done = reach_by_others(here);
    size_t number = !done ? 0 : p ? reftrace_find(object) : pick();
    if (done && !number) {
        done = reach_by_own(here);
        number = !done ? 0 : p ? reftrace_find(object) : pick();
    }
    if (!done || !roots_were_found() || !world_stands())
        return done ? EAGAIN : ENOMEM;
    if (number)
        fill_all(here, number, found);
    return p || number ? 0 : EINVAL;
}

int path_find(uintptr_t here, const void *p, path_t *found)
{
    *found = (path_t){.length = 0};
    roots_begin();
    bool stopped = roots_find_and_stop(), begun = stopped && reftrace_begin();
    int error = begun ? search_path(here, p, found) : stopped ? ENOMEM : EAGAIN;
    if (begun)
        reftrace_end();
    if (stopped)
        world_start();
    roots_end();
    return error;
}
