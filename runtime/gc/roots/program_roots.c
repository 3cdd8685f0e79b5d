/* program_roots: see program_roots.h. The arrays lie in the runtime's own memory, which is never given back:
 * arrays that were outgrown are lost; together they are smaller than the present ones. */
#include "runtime/gc/roots/program_roots.h"

#include <string.h>

#include "runtime/pages/pages.h"

enum { FIRST_ROOM = 64 };

typedef struct root {
    uintptr_t start;
    size_t size;
    size_t next; /* in its bucket, counted from 1; 0: none */
} root_t;

static struct {
    root_t *at;
    size_t *buckets; /* of `room`, a power of two: the first of each, counted from 1 */
    size_t count, room;
} roots;

static size_t *root_bucket(uintptr_t start)
{
    return &roots.buckets[(start >> 3) * 0x9e3779b97f4a7c15u >> 20 & (roots.room - 1)];
}

static void link_root(size_t index)
{
    size_t *bucket = root_bucket(roots.at[index].start);
    roots.at[index].next = *bucket;
    *bucket = index + 1;
}

/* The link that leads to the entry, in its bucket. */
static size_t *link_to(size_t index)
{
    size_t *link = root_bucket(roots.at[index].start);
    while (*link != index + 1)
        link = &roots.at[*link - 1].next;
    return link;
}

/* Move a chain of an old bucket to the new buckets. It is reversed twice, so that ranges with the same start
 * keep their order. */
static void rehook(size_t first)
{
    size_t reversed = 0;
    for (size_t number = first, next; number; number = next) {
        next = roots.at[number - 1].next;
        roots.at[number - 1].next = reversed;
        reversed = number;
    }
    for (size_t number = reversed, next; number; number = next) {
        next = roots.at[number - 1].next;
        link_root(number - 1);
    }
}

static bool grow(void)
{
    size_t room = roots.room ? 2 * roots.room : FIRST_ROOM;
    root_t *at = pages_metadata(room * sizeof *at);
    size_t *buckets = at ? pages_metadata(room * sizeof *buckets) : NULL;
    if (!buckets)
        return false;
    if (roots.count)
        memcpy(at, roots.at, roots.count * sizeof *at);
    const size_t *old = roots.buckets;
    size_t old_room = roots.room;
    roots.at = at;
    roots.buckets = buckets;
    roots.room = room;
    for (size_t i = 0; i < old_room; i++)
        rehook(old[i]);
    return true;
}

bool program_roots_add(uintptr_t start, size_t size)
{
    if (roots.count == roots.room && !grow())
        return false;
    roots.at[roots.count] = (root_t){.start = start, .size = size};
    link_root(roots.count++);
    return true;
}

/* The last entry fills the hole. */
void program_roots_remove(uintptr_t start)
{
    size_t *link = roots.room ? root_bucket(start) : NULL;
    while (link && *link && roots.at[*link - 1].start != start)
        link = &roots.at[*link - 1].next;
    if (!link || !*link)
        return;
    size_t hole = *link - 1, last = roots.count - 1;
    *link = roots.at[hole].next;
    if (hole != last) {
        size_t *to_last = link_to(last);
        roots.at[hole] = roots.at[last];
        *to_last = hole + 1;
    }
    roots.count--;
}

void program_roots_each(void (*range)(uintptr_t from, uintptr_t to))
{
    for (size_t i = 0; i < roots.count; i++) {
        uintptr_t from = (roots.at[i].start + 7) & ~(uintptr_t)7;
        uintptr_t to = (roots.at[i].start + roots.at[i].size) & ~(uintptr_t)7;
        if (from < to)
            range(from, to);
    }
}
