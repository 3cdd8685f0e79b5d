/* numbers: see numbers.h. */
#include "runtime/threads/numbers.h"

#include <stddef.h>
#include <string.h>

#include "runtime/cells/cache.h"
#include "runtime/os/check.h"
#include "runtime/pages/pages.h"

enum { FIRST_BUCKETS = 64 };

static struct {
    heap_t *first[FIRST_BUCKETS]; /* the table until it grows */
    heap_t **buckets;             /* NULL: `first`. Old tables are not freed; they add up to less than this */
    uint32_t count;               /* of buckets, a power of two; 0: FIRST_BUCKETS */
    uint32_t heaps;               /* in the table */
    uint64_t steps;
} numbers;

static uint32_t bucket_count(void)
{
    return numbers.count ? numbers.count : FIRST_BUCKETS;
}

static heap_t **bucket_of(int number)
{
    heap_t **buckets = numbers.buckets ? numbers.buckets : numbers.first;
    return &buckets[(uint32_t)number & (bucket_count() - 1)];
}

static void link(heap_t *heap, int number)
{
    heap_t **bucket = bucket_of(number);
    heap->number = number;
    heap->number_next = *bucket;
    *bucket = heap;
}

/* The link to the wanted heap or, if wanted is NULL, to the one that has the number. If there is none: the
 * link at the end of the chain. */
static heap_t **find(int number, const heap_t *wanted)
{
    heap_t **at = bucket_of(number);
    for (; *at && *at != wanted && (wanted || (*at)->number != number); at = &(*at)->number_next)
        numbers.steps++;
    numbers.steps++;
    return at;
}

static void unlink(heap_t **at)
{
    heap_t *heap = *at;
    *at = heap->number_next;
    heap->number = 0;
    numbers.heaps--;
}

/* If there is no memory the table stays as it is, and the chains get longer. */
static void grow_numbers(void)
{
    uint32_t old_count = bucket_count();
    heap_t **old = numbers.buckets ? numbers.buckets : numbers.first;
    heap_t **buckets = pages_metadata(2 * (size_t)old_count * sizeof(heap_t *));
    if (!buckets)
        return;
    numbers.buckets = buckets;
    numbers.count = 2 * old_count;
    for (uint32_t i = 0; i < old_count; i++)
        for (heap_t *heap = old[i], *next; heap; heap = next) {
            next = heap->number_next;
            link(heap, heap->number);
        }
}

heap_t *numbers_enter(heap_t *heap, int number)
{
    numbers_leave(heap);
    heap_t **at = find(number, NULL), *before = *at;
    if (before)
        unlink(at);
    if (numbers.heaps >= bucket_count())
        grow_numbers();
    link(heap, number);
    numbers.heaps++;
    return before;
}

void numbers_leave(heap_t *heap)
{
    if (!heap->number)
        return;
    heap_t **at = find(heap->number, heap);
    DEBUG_CHECK(*at == heap);
    unlink(at);
}

void numbers_forget_others(heap_t *heap, int number)
{
    heap_t **buckets = numbers.buckets ? numbers.buckets : numbers.first;
    for (heap_t *other = heaps.all; other; other = other->next)
        other->number = 0;
    memset(buckets, 0, bucket_count() * sizeof(heap_t *));
    numbers.heaps = 0;
    if (heap)
        numbers_enter(heap, number);
}

uint64_t numbers_steps(void)
{
    return numbers.steps;
}
