/* roots: see roots.h. */
#include "runtime/gc/roots/roots.h"

#include "runtime/base/text.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/roots/loaded.h"
#include "runtime/gc/roots/process.h"
#include "runtime/gc/roots/program_roots.h"
#include "runtime/gc/roots/stacks.h"
#include "runtime/gc/roots/thread_roots.h"
#include "runtime/os/mask.h"
#include "runtime/stop/thread_local.h"
#include "runtime/threads/workers.h"
#include "runtime/threads/world.h"

static root_source_t source;                          /* of the range that roots_each hands out */
static const roots_provider_t *providers[LOCK_RANKS]; /* by the rank of their lock; set once, by any thread */
static const roots_provider_t *begun[LOCK_RANKS];     /* in this cycle */
static lock_t lock = LOCK_INIT(LOCK_RANK_ROOTS);      /* of the registered ranges and stacks */

/* The collector has the dynamic linker's lock, or waits for it. If a handler forks then, that lock is lost in
 * the child: it stays taken for ever. */
static _Atomic bool in_linker, linker_is_lost;

void roots_after_fork_child(void)
{
    linker_is_lost |= in_linker;
    in_linker = false;
}

bool roots_are_open(void)
{
    if (linker_is_lost)
        return false;
    static int known; /* once is enough; under the collector's lock */
    if (!options.collect || known)
        return !options.collect || known > 0;
    uint64_t signals = os_block_heard_signals(); /* a handler of the program's may fork */
    known = process_is_open() ? 1 : -1;
    os_restore_signals(signals);
    if (known < 0)
        text_say("weir: WEIR_COLLECT=1: /proc/self/maps or pagemap cannot be read; nothing is collected\n");
    return known > 0;
}

/* Called for the first object that the linker names, under its lock. */
enum stop { CHANGED = 1, STOPPED, FAILED };
static int stop_if_unchanged(struct dl_phdr_info *object, size_t info_size, void *context)
{
    (void)info_size, (void)context;
    if (!loaded_is_current(object))
        return CHANGED;
    return world_stop() ? STOPPED : FAILED;
}

bool roots_find_and_stop(void)
{
    if (options.collect)
        return world_stop();
    int result;
    do {
        thread_roots_begin();
        in_linker = true;
        result = loaded_find() ? dl_iterate_phdr(stop_if_unchanged, NULL) : FAILED;
        in_linker = false;
    } while (result == CHANGED);
    return result == STOPPED;
}

/* --- threads --- */

/* jemalloc's part of the thread-local memory of the thread that is being scanned: it is left out. */
static struct {
    uintptr_t from, to;
    void (*range)(uintptr_t from, uintptr_t to);
} own;

static void add_but_own(uintptr_t from, uintptr_t to)
{
    if (own.from >= to || own.to <= from) {
        own.range(from, to);
        return;
    }
    if (from < own.from)
        own.range(from, own.from);
    if (own.to < to)
        own.range(own.to, to);
}

static void add_thread(heap_t *heap, uintptr_t here, void (*range)(uintptr_t from, uintptr_t to))
{
    uintptr_t from, to;
    world_stack(heap, &from, &to);
    from = heap == cache.heap ? here : from;
    stacks_own_thread_local(heap, &own.from, &own.to);
    own.range = range;
    range = add_but_own;
    source = (root_source_t){.kind = WEIR_ROOT_STACK, .heap = heap};
    thread_roots_stacks(heap, from, to, range);
    source.kind = WEIR_ROOT_REGISTERS;
    thread_roots_registers(heap, range);
    source.kind = WEIR_ROOT_THREAD_LOCAL;
    uintptr_t tls, tls_end;
    loaded_thread_local(heap, &tls, &tls_end);
    if (tls < from || tls_end > to) /* else it is part of the stack */
        range(tls, tls_end);
    loaded_each_module(heap, range);
    thread_local_each_values(heap->thread.pointer, range);
}

static void add_suspended(void (*range)(uintptr_t from, uintptr_t to))
{
    source = (root_source_t){.kind = WEIR_ROOT_COROUTINE};
    stacks_each_suspended(range);
}

static void add_threads_and_data(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to))
{
    stacks_begin();
    for (heap_t *heap = heaps.all; heap; heap = heap->next)
        if (heap_has_thread(heap))
            add_thread(heap, here, range);
    add_suspended(range);
    source.kind = WEIR_ROOT_STATIC;
    loaded_each_data(range);
}

/* A stack may lie in a collected object. Then the stack pointer is a root, so that the whole object is
 * scanned. */
static void add_process(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to))
{
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        if (heap_has_thread(heap)) {
            source = (root_source_t){.kind = WEIR_ROOT_REGISTERS, .heap = heap};
            if (heap == cache.heap)
                cache.heap->thread.stack_from = here;
            range((uintptr_t)&heap->thread.stack_from, (uintptr_t)(&heap->thread.stack_from + 1));
            thread_roots_registers(heap, range);
            stacks_registers(&heap->thread.left, range);
        }
    stacks_begin();
    add_suspended(range);
    source.kind = WEIR_ROOT_MAPPING;
    process_each(here, range);
}

void roots_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to))
{
    process_begin();
    if (options.collect)
        add_process(here, range);
    else
        add_threads_and_data(here, range);
    source = (root_source_t){.kind = WEIR_ROOT_MAPPING};
    process_each_hidden(range);
    source = (root_source_t){.kind = WEIR_ROOT_RANGE};
    program_roots_each(range);
    source.kind = WEIR_ROOT_RUNTIME;
    workers_each_root(range);
    for (size_t i = 0; i < LOCK_RANKS; i++) {
        source.kind = i == LOCK_RANK_POOLS ? WEIR_ROOT_POOL : WEIR_ROOT_ARENA;
        if (begun[i])
            begun[i]->each(range);
    }
    source = (root_source_t){.kind = WEIR_ROOT_FINALIZER};
    uintptr_t from, to;
    side_table_roots(&from, &to);
    range(from, to);
    source.kind = WEIR_ROOT_KEPT;
    collected_each_kept(range);
}

void roots_say_name(const char *name)
{
    source.name = name;
}

root_source_t roots_source(void)
{
    return source;
}

bool roots_were_found(void)
{
    static bool said;
    bool found = thread_roots_were_found() && process_was_open();
    if (!found && !said) {
        said = true;
        text_say(
            "weir: a collection freed nothing: not all roots were found; no memory, or /proc cannot be read\n");
    }
    return found;
}

/* --- roots of other parts of the runtime --- */

void roots_provide(enum lock_rank rank, const roots_provider_t *provider)
{
    __atomic_store_n(&providers[rank], provider, __ATOMIC_RELEASE);
}

void roots_begin(void)
{
    roots_register_begin();
    for (size_t i = 0; i < LOCK_RANKS; i++) {
        begun[i] = __atomic_load_n(&providers[i], __ATOMIC_ACQUIRE);
        if (begun[i])
            begun[i]->begin();
    }
}

void roots_end(void)
{
    for (size_t i = LOCK_RANKS; i-- > 0;)
        if (begun[i])
            begun[i]->end();
    roots_register_end();
}

/* --- what is registered --- */

void roots_register_begin(void)
{
    lock_acquire(&lock);
}

void roots_register_end(void)
{
    lock_release(&lock);
}

bool roots_before_fork(void)
{
    return lock_acquire_soon(&lock);
}

void roots_after_fork(bool child)
{
    lock_after_fork(&lock, child);
}
