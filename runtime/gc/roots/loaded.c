/* loaded: see loaded.h. */
#include "runtime/gc/roots/loaded.h"

#include <string.h>
#include <sys/auxv.h>

#include "runtime/base/range.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/process/place.h"
#include "runtime/region/region.h"
#include "runtime/stop/thread_local.h"

/* A growing array in the runtime's own memory, which is never given back: arrays that were outgrown are lost;
 * together they are smaller than the present one. */
typedef struct ranges {
    range_t *at;
    size_t count, room;
} ranges_t;

static ranges_t data_ranges;
static struct {
    unsigned long long adds, subs;
} changes;                           /* how often libraries came and went before data_ranges was filled */
static _Atomic uintptr_t static_tls; /* bytes below the thread pointer */
static ranges_t modules;             /* those with thread-local memory: the linker's number, and the size */
static bool is_incomplete;           /* no memory to note a range or a module */

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

static void add_data(uintptr_t from, uintptr_t to)
{
    if (from < to)
        is_incomplete |= !ranges_add(&data_ranges, from, to);
}

/* What is read-only after relocation (PT_GNU_RELRO) points to no collected object. */
static void add_segment(uintptr_t from, uintptr_t to, uintptr_t relro_from, uintptr_t relro_to)
{
    if (relro_from >= to || relro_to <= from) {
        add_data(from, to);
    } else {
        add_data(from, relro_from);
        add_data(relro_to, to);
    }
}

/* Modules loaded at the start have their thread-local memory just below the thread pointer, at the same place
 * in every thread. Later modules have it elsewhere in each thread, from its first use on:
 * loaded_each_module. */
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

void loaded_find_thread_local(void)
{
    dl_iterate_phdr(find_static_tls, NULL);
}

void loaded_thread_local(const heap_t *heap, uintptr_t *from, uintptr_t *to)
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
    changes.adds = object->dlpi_adds;
    changes.subs = object->dlpi_subs;
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

bool loaded_find(void)
{
    data_ranges.count = modules.count = 0;
    is_incomplete = false;
    dl_iterate_phdr(add_object, NULL);
    return !is_incomplete;
}

bool loaded_is_current(const struct dl_phdr_info *object)
{
    return object->dlpi_adds == changes.adds && object->dlpi_subs == changes.subs;
}

void loaded_each_data(void (*range)(uintptr_t from, uintptr_t to))
{
    for (size_t i = 0; i < data_ranges.count; i++)
        range(data_ranges.at[i].from, data_ranges.at[i].to);
}

void loaded_each_module(const heap_t *heap, void (*range)(uintptr_t from, uintptr_t to))
{
    for (size_t i = 0; i < modules.count; i++) {
        uintptr_t block = thread_local_module(heap->thread.pointer, modules.at[i].from);
        if (block)
            range((block + 7) & ~(uintptr_t)7, (block + modules.at[i].to) & ~(uintptr_t)7);
    }
}
