/* gc: the public face of collected memory. */
#include <weir/gc.h>

#include <errno.h>
#include <string.h>

#include "runtime/collect/gc.h"
#include "runtime/collect/mark.h"
#include "runtime/collect/stacks.h"
#include "runtime/heap/heap.h"
#include "runtime/heap/large.h"
#include "runtime/heap/world.h"

void *weir_gc_alloc(size_t size)
{
    return gc_alloc(KIND_SCAN, size);
}

void *weir_gc_alloc_noscan(size_t size)
{
    return gc_alloc(KIND_NOSCAN, size);
}

/* The type goes into the last word; see scan_typed. */
void *weir_gc_alloc_typed(const weir_type *type, size_t count)
{
    size_t bytes;
    if (__builtin_mul_overflow(type->size, count, &bytes) || bytes > PTRDIFF_MAX - sizeof type) {
        errno = ENOMEM;
        return NULL;
    }
    char *p = gc_alloc(KIND_TYPED, bytes + sizeof type);
    if (p)
        *(const weir_type **)(void *)(p + heap_usable_size(p) - sizeof type) = type;
    return p;
}

static void *resize(void *object, span_t *span, size_t size)
{
    size_t old = heap_usable_size(object);
    if (size <= old && size >= old / 2) {
        memset((char *)object + size, 0, old - size);
        return object;
    }
    void *to = gc_alloc((enum span_kind)span->kind, size);
    if (!to)
        return NULL;
    memcpy(to, object, old < size ? old : size);
    heap_free(object);
    return to;
}

void *weir_gc_realloc(void *object, size_t size)
{
    if (!object)
        return weir_gc_alloc(size);
    span_t *span = region_owns(object) ? span_of_slot(region_slot(object)) : NULL;
    if (!span || mark_base(object) != object || span->kind == KIND_TYPED) {
        errno = EINVAL;
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

void weir_gc_disable(void)
{
    gc_enable(1);
}

void weir_gc_enable(void)
{
    gc_enable(-1);
}

int weir_gc_add_roots(const void *start, size_t size)
{
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
