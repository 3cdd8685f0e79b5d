/* naive: see naive.h. */
#include "runtime/collect/naive.h"

#include <string.h>
#include <weir/gc.h>

#include "runtime/collect/mark.h"
#include "runtime/collect/roots.h"
#include "runtime/heap/collected.h"
#include "runtime/heap/large.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"

/* The collector's, with the world stopped. */
static struct {
    uint8_t *seen; /* a byte for each 16 bytes of the region, at the start of an object */
    size_t committed;
    uintptr_t *stack;
    size_t top, room;
    size_t objects;
} naive;

static span_t *span_around(uintptr_t object)
{
    return span_of_slot(region_slot((const void *)object));
}

static bool is_marked(uintptr_t object)
{
    span_t *span = span_around(object);
    uint32_t cell = span_is_large(span) ? 0 : (uint32_t)(object % SLOT_SIZE / span->cell_size);
    return collected_bits_of(span_slot(span))[cell / 64].marks >> cell % 64 & 1;
}

static void visit(void *context, const void *p)
{
    (void)context;
    uintptr_t object = (uintptr_t)mark_base(p);
    if (!object || naive.seen[(object - region_base) / 16])
        return;
    naive.seen[(object - region_base) / 16] = 1;
    ALWAYS_CHECK(is_marked(object)); /* the collector has missed an object that is reached */
    ALWAYS_CHECK(naive.top < naive.room);
    naive.objects++;
    naive.stack[naive.top++] = object;
}

__attribute__((no_sanitize("address", "thread"))) static void visit_range(uintptr_t from, uintptr_t to)
{
    for (; from < to; from += sizeof(uintptr_t))
        visit(NULL, *(const void *const *)from);
}

static void visit_typed(uintptr_t object, size_t bytes)
{
    const weir_type *type = *(const weir_type *const *)(object + bytes - sizeof type);
    if (!type)
        return;
    size_t count = (bytes - sizeof type) / type->size;
    if (type->trace) {
        type->trace((const void *)object, count, visit, NULL);
        return;
    }
    for (size_t word = 0; word < count * (type->size / 8); word++) {
        size_t bit = word % (type->size / 8);
        if (type->pointers[bit / 64] >> bit % 64 & 1)
            visit(NULL, ((const void *const *)object)[word]);
    }
}

static void scan(uintptr_t object)
{
    span_t *span = span_around(object);
    size_t bytes = span_usable(span);
    if (span->kind == KIND_SCAN)
        visit_range(object, object + bytes);
    else if (span->kind == KIND_TYPED)
        visit_typed(object, bytes);
}

/* Bits anew, and a stack for as many objects as there are. */
static bool prepare(size_t objects)
{
    size_t bytes = region.carved / 16;
    if (!naive.seen)
        naive.seen = os_reserve(region.size / 16, OS_PAGE);
    if (!naive.seen || (naive.committed < bytes && !os_commit(naive.seen, bytes)))
        return false;
    naive.committed = naive.committed < bytes ? bytes : naive.committed;
    os_release(naive.seen, bytes);
    if (naive.room < objects) {
        size_t size = (objects * sizeof *naive.stack + OS_PAGE) & ~(size_t)(OS_PAGE - 1);
        uintptr_t *stack = os_reserve(2 * size, OS_PAGE);
        if (!stack || !os_commit(stack, 2 * size))
            return false;
        naive.stack = stack;
        naive.room = 2 * size / sizeof *stack;
    }
    naive.top = naive.objects = 0;
    return true;
}

bool naive_verify(uintptr_t here, size_t objects, size_t black)
{
    if (!prepare(objects + black))
        return false;
    roots_each(here, visit_range);
    while (naive.top)
        scan(naive.stack[--naive.top]);
    ALWAYS_CHECK(naive.objects >= objects); /* else the collector has marked more than is reached */
    ALWAYS_CHECK(naive.objects <= objects + black);
    return true;
}
