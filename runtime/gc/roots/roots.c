/* roots: see roots.h. */
#include "runtime/gc/roots/roots.h"

#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "runtime/base/range.h"
#include "runtime/base/text.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cells/side_table.h"
#include "runtime/gc/roots/process.h"
#include "runtime/gc/roots/program_roots.h"
#include "runtime/gc/roots/stacks.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/process/place.h"
#include "runtime/process/written.h"
#include "runtime/region/extents.h"
#include "runtime/stop/thread_local.h"
#include "runtime/threads/workers.h"
#include "runtime/threads/world.h"

/* A growing array in the runtime's own memory, which is never given back: arrays that were outgrown are lost;
 * together they are smaller than the present one. */
typedef struct ranges {
    range_t *at;
    size_t count, room;
} ranges_t;

static ranges_t data_ranges;
static struct {
    unsigned long long adds, subs;
} loaded;                            /* how often libraries came and went before data_ranges was filled */
static bool missing;                 /* a stack was not found in this cycle */
static _Atomic uintptr_t static_tls; /* bytes below the thread pointer */
static root_source_t source;         /* of the range that roots_each hands out */
static ranges_t modules;             /* those with thread-local memory: the linker's number, and the size */
static bool is_incomplete;           /* there was no memory to note a root: nothing may be collected */
static const roots_provider_t *providers[LOCK_RANKS]; /* by the rank of their lock; set once, by any thread */
static const roots_provider_t *begun[LOCK_RANKS];     /* in this cycle */

static bool ranges_push(ranges_t *ranges, range_t range)
{
    if (ranges->count == ranges->room) {
        range_t *at = pages_grown(ranges->at, &ranges->room, 64, sizeof *at);
        if (!at)
            return false;
        ranges->at = at;
    }
    ranges->at[ranges->count++] = range;
    return true;
}

static bool ranges_add(ranges_t *ranges, uintptr_t from, uintptr_t to)
{
    return ranges_push(ranges, (range_t){(from + 7) & ~(uintptr_t)7, to & ~(uintptr_t)7});
}

/* --- static data --- */

static void add_part(uintptr_t from, uintptr_t to)
{
    if (from < to)
        is_incomplete |= !ranges_add(&data_ranges, from, to);
}

/* What is read-only after relocation (PT_GNU_RELRO) points to no collected object. */
static void add_segment(uintptr_t from, uintptr_t to, uintptr_t relro_from, uintptr_t relro_to)
{
    if (relro_from >= to || relro_to <= from) {
        add_part(from, to);
    } else {
        add_part(from, relro_from);
        add_part(relro_to, to);
    }
}

/* Modules loaded at the start have their thread-local memory just below the thread pointer, at the same place
 * in every thread. Later modules have it elsewhere in each thread, from its first use on: add_modules. */
static void note_static_tls(const struct dl_phdr_info *object)
{
    enum { STATIC_MAX = 1 << 20 };
    uintptr_t start = (uintptr_t)object->dlpi_tls_data, pointer = os_thread_word();
    if (start && start < pointer && pointer - start < STATIC_MAX && pointer - start > static_tls)
        static_tls = pointer - start;
}

static void note_tls(const struct dl_phdr_info *object, size_t size)
{
    thread_local_prepare();
    is_incomplete |= !ranges_push(&modules, (range_t){object->dlpi_tls_modid, size});
    note_static_tls(object);
}

static int find_static_tls(struct dl_phdr_info *object, size_t info_size, void *context)
{
    (void)info_size, (void)context;
    note_static_tls(object);
    return 0;
}

void roots_find_thread_local(void)
{
    dl_iterate_phdr(find_static_tls, NULL);
}

void roots_thread_local(const heap_t *heap, uintptr_t *from, uintptr_t *to)
{
    *from = thread_local_from(heap->thread.pointer, static_tls) & ~(uintptr_t)7;
    *to = thread_local_to(heap->thread.pointer);
}

/* The library's own data, 2 MiB of it jemalloc's, hold no root. If the library is linked into the program,
 * they lie in one segment with the program's data, and are scanned with them. */
static bool is_own(const struct dl_phdr_info *object, uintptr_t start, size_t size)
{
    bool is_program = (uintptr_t)object->dlpi_phdr == getauxval(AT_PHDR);
    return !is_program && (uintptr_t)&region - start < size;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
extern void __tsan_init(void) __attribute__((weak));
extern void __asan_init(void) __attribute__((weak));

/* A sanitizer's own data, 50 MiB of ThreadSanitizer's, point to no object either. */
static bool is_sanitizer(const struct dl_phdr_info *object)
{
    return place_is_in(object, __tsan_init ? (uintptr_t)__tsan_init : (uintptr_t)__asan_init);
}
#else
static bool is_sanitizer(const struct dl_phdr_info *object)
{
    (void)object;
    return false;
}
#endif

static int add_object(struct dl_phdr_info *object, size_t info_size, void *context)
{
    (void)info_size, (void)context;
    loaded.adds = object->dlpi_adds;
    loaded.subs = object->dlpi_subs;
    uintptr_t relro_from = 0, relro_to = 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        if (header->p_type == PT_GNU_RELRO) {
            relro_from = object->dlpi_addr + header->p_vaddr;
            relro_to = (relro_from + header->p_memsz) & ~(uintptr_t)(OS_PAGE - 1);
        }
    }
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        uintptr_t from = object->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && (header->p_flags & PF_W) && !is_own(object, from, header->p_memsz) &&
            !is_sanitizer(object))
            add_segment(from, from + header->p_memsz, relro_from, relro_to);
        if (header->p_type == PT_TLS)
            note_tls(object, header->p_memsz);
    }
    return 0;
}

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
    if (object->dlpi_adds != loaded.adds || object->dlpi_subs != loaded.subs)
        return CHANGED;
    return world_stop() ? STOPPED : FAILED;
}

bool roots_find_and_stop(void)
{
    if (options.collect)
        return world_stop();
    int result;
    do {
        data_ranges.count = modules.count = 0;
        is_incomplete = missing = false;
        in_linker = true;
        dl_iterate_phdr(add_object, NULL);
        result = is_incomplete ? FAILED : dl_iterate_phdr(stop_if_unchanged, NULL);
        in_linker = false;
    } while (result == CHANGED);
    return result == STOPPED;
}

/* --- threads --- */

enum { STACK_MAX = 64 * 1024 * 1024 };

/* The memory around an address that may be read and written, without a hole; used during one look_around. */
static struct {
    uintptr_t inside, from, to;
    uintptr_t run_from, run_to; /* the present sequence of mappings that touch each other */
} around;

static void note_mapping(uintptr_t from, uintptr_t to, unsigned may)
{
    const unsigned both = WRITTEN_MAY_READ | WRITTEN_MAY_WRITE;
    if ((may & both) != both)
        return;
    if (from != around.run_to)
        around.run_from = from;
    around.run_to = to;
    if (around.inside >= around.run_from && around.inside < to) {
        around.from = around.run_from;
        around.to = to;
    }
}

static bool look_around(uintptr_t inside)
{
    around.inside = around.from = around.to = inside;
    around.run_from = around.run_to = 0;
    return written_each_mapping(note_mapping);
}

/* Only pages that were touched are scanned: a mapped file may end before its mapping does. */
static void add_touched(uintptr_t from, uintptr_t to, void (*range)(uintptr_t from, uintptr_t to))
{
    if (!written_each_range(from, to, range))
        range(from, to);
}

/* All of the stack, since it is not known how far down it is in use. */
static void add_all_of_own_stack(uintptr_t to, void (*range)(uintptr_t from, uintptr_t to))
{
    missing |= !look_around(to - 8);
    add_touched(around.from > to - STACK_MAX ? around.from : to - STACK_MAX, to, range);
}

/* A stack that was not registered. */
static void add_foreign_stack(uintptr_t from, void (*range)(uintptr_t from, uintptr_t to))
{
    missing |= !look_around(from);
    add_touched(from, around.to < from + STACK_MAX ? around.to : from + STACK_MAX, range);
}

/* Is `from` on the thread's own stack, which ends at `to`: is there no hole between the two? The mappings are
 * read only if the stack is deeper than ever before. */
static bool is_on_own_stack(heap_t *heap, uintptr_t from, uintptr_t to)
{
    if (from > to || to - from >= STACK_MAX)
        return false;
    if (from < heap->thread.stack_low && look_around(to - 8))
        heap->thread.stack_low = around.from;
    return from >= heap->thread.stack_low || heap->thread.stack_low == to;
}

/* The stack that the thread is on, and the one that it left or was interrupted on: see stacks.h. */
static void add_stacks(heap_t *heap, uintptr_t from, uintptr_t to,
                       void (*range)(uintptr_t from, uintptr_t to))
{
    const weir_gc_stack *on = stacks_around(from);
    weir_gc_stack *said = heap->thread.coroutine;
    if (said && said != on) {
        stacks_around(said->low);
        range(said->low, said->high);
    }
    if (!on && is_on_own_stack(heap, from, to)) {
        range(from, to);
        return;
    }
    if (on)
        range(from, on->high);
    else
        add_foreign_stack(from, range);
    if (said)
        range(heap->thread.left.from, to);
    else
        add_all_of_own_stack(to, range);
    stacks_registers(&heap->thread.left, range);
}

/* The registers that are not on the stack: those that the stop has saved, and those saved by a blocking
 * section. */
static void add_registers(const heap_t *heap, void (*range)(uintptr_t from, uintptr_t to))
{
    range(heap->thread.registers_from, heap->thread.registers_to);
    stacks_registers(&heap->thread.blocked, range);
}

static void add_modules(const heap_t *heap, void (*range)(uintptr_t from, uintptr_t to))
{
    for (size_t i = 0; i < modules.count; i++) {
        uintptr_t block = thread_local_module(heap->thread.pointer, modules.at[i].from);
        if (block)
            range((block + 7) & ~(uintptr_t)7, (block + modules.at[i].to) & ~(uintptr_t)7);
    }
}

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
    add_stacks(heap, from, to, range);
    source.kind = WEIR_ROOT_REGISTERS;
    add_registers(heap, range);
    source.kind = WEIR_ROOT_THREAD_LOCAL;
    uintptr_t tls, tls_end;
    roots_thread_local(heap, &tls, &tls_end);
    if (tls < from || tls_end > to) /* else it is part of the stack */
        range(tls, tls_end);
    add_modules(heap, range);
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
    for (size_t i = 0; i < data_ranges.count; i++)
        range(data_ranges.at[i].from, data_ranges.at[i].to);
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
            add_registers(heap, range);
            stacks_registers(&heap->thread.left, range);
        }
    stacks_begin();
    add_suspended(range);
    source.kind = WEIR_ROOT_MAPPING;
    process_each(here, range);
}

void roots_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to))
{
    if (options.collect)
        add_process(here, range);
    else
        add_threads_and_data(here, range);
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
    bool found = !missing && process_was_open();
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
}

/* --- the program's roots --- */

bool roots_add(uintptr_t start, size_t size)
{
    return program_roots_add(start, size);
}

void roots_remove(uintptr_t start)
{
    program_roots_remove(start);
}
