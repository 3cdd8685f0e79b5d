/* gc: the public functions for collected memory. */
#include <weir/gc.h>

#include <errno.h>
#include <string.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/gc/refs/death.h"
#include "runtime/gc/roots/stacks.h"
#include "runtime/heap/heap.h"
#include "runtime/malloc/shield.h"
#include "runtime/os/copy.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/world.h"

void *weir_gc_alloc(size_t size)
{
    return gc_alloc_with_end(KIND_SCAN, size);
}

void *weir_gc_alloc_exact(size_t size)
{
    return gc_alloc(KIND_SCAN, size);
}

void *weir_gc_alloc_noscan(size_t size)
{
    return gc_alloc_with_end(KIND_NOSCAN, size);
}

/* The type is in the last word, NULL as long as the object is being made; see scan_typed. */
static const weir_type **type_of(void *object)
{
    return (const weir_type **)(void *)((char *)object + heap_usable_size(object) - sizeof(weir_type *));
}

void *weir_gc_alloc_typed(const weir_type *type, size_t count)
{
    size_t bytes;
    if (__builtin_mul_overflow(type->size, count, &bytes) || bytes > PTRDIFF_MAX - sizeof type) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = gc_alloc(KIND_TYPED, bytes + sizeof type);
    if (p)
        *type_of(p) = type;
    return p;
}

/* A hidden object was scanned as one before (collected_hide). */
static enum span_kind kind_for_moved(span_t *span)
{
    bool was_scanned = span_is_large(span) && collected_has_flag(span, COLLECTED_HIDDEN);
    return was_scanned && span->kind == KIND_NOSCAN ? KIND_SCAN : (enum span_kind)span->kind;
}

/* Move an object that holds `held` bytes. The new object is not scanned before its type is in place; until
 * then the old one still is. */
static void *move(void *object, span_t *span, size_t held, size_t size)
{
    void *to = span->kind == KIND_TYPED ? gc_alloc(KIND_TYPED, size + sizeof(weir_type *))
                                        : gc_alloc_with_end(kind_for_moved(span), size);
    if (!to)
        return NULL;
    os_copy_written(to, object, held < size ? held : size);
    if (span->kind == KIND_TYPED)
        *type_of(to) = *type_of(object);
    if (collected_has_flag(span, COLLECTED_HAS_RECORD))
        death_moved(object, to);
    heap_free(object);
    return to;
}

static void *resize(void *object, span_t *span, size_t size)
{
    if (span_is_large(span))
        shield_lift_if_any(span);
    bool typed = span->kind == KIND_TYPED;
    size_t all = heap_usable_size(object), held = typed ? all - sizeof(weir_type *) : all;
    size_t most = typed ? held : all - 1;
    if (size > most || size < most / 2)
        return move(object, span, held, size);
    memset((char *)object + size, 0, held - size);
    return object;
}

void *weir_gc_realloc(void *object, size_t size)
{
    if (!object)
        return weir_gc_alloc(size);
    span_t *span = region_owns(object) ? span_of_slot(region_slot(object)) : NULL;
    if (!span || mark_base(object) != object) {
        errno = EINVAL;
        return NULL;
    }
    if (size > PTRDIFF_MAX) {
        errno = ENOMEM;
        return NULL;
    }
    return resize(object, span, size);
}

void weir_gc_free(void *object)
{
    heap_free(object);
}

void weir_gc(void)
{
    gc_collect();
}

bool weir_gc_step(uint64_t ns)
{
    return gc_step(ns);
}

void weir_gc_disable(void)
{
    gc_enable(1);
}

void weir_gc_enable(void)
{
    gc_enable(-1);
}

void weir_gc_forbid_begin(void)
{
    gc_forbid_begin();
}

void weir_gc_forbid_end(void)
{
    gc_forbid_end();
}

uint64_t weir_gc_set_pause_budget(uint64_t ns)
{
    return trace_set_budget(ns);
}

bool weir_gc_set_base_only(bool base_only)
{
    return mark_set_base_only(base_only);
}

int weir_gc_add_roots(const void *start, size_t size)
{
    if (((uintptr_t)start | size) % sizeof(void *) != 0 || size > UINTPTR_MAX - (uintptr_t)start) {
        errno = EINVAL;
        return -1;
    }
    if (gc_add_roots((uintptr_t)start, size))
        return 0;
    errno = ENOMEM;
    return -1;
}

void weir_gc_remove_roots(const void *start)
{
    gc_remove_roots((uintptr_t)start);
}

void weir_gc_attach_thread(void)
{
    thread_heap();
}

void weir_gc_block_begin(void)
{
    world_block_begin();
}

void weir_gc_block_end(void)
{
    world_block_end();
}

weir_gc_stack *weir_gc_stack_add(void *low, size_t size)
{
    if (size < sizeof(void *) * 2 || size > UINTPTR_MAX - (uintptr_t)low) {
        errno = EINVAL;
        return NULL;
    }
    weir_gc_stack *stack = thread_heap() ? gc_stack_add((uintptr_t)low, size) : NULL;
    if (!stack)
        errno = ENOMEM;
    return stack;
}

void weir_gc_stack_remove(weir_gc_stack *stack)
{
    if (stack)
        gc_stack_remove(stack);
}

void weir_gc_stack_switch(weir_gc_stack *to)
{
    stacks_switch(to);
}

void *weir_gc_base(const void *p)
{
    return mark_base(p);
}
