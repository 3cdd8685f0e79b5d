/* bounded-cache: a cache that stays below a memory limit.
 *
 * The program sets one limit. When an allocation is about to exceed it, the runtime calls the program back;
 * the cache drops its oldest entries, and the allocation is tried again. The program does not count bytes, so
 * it cannot count them wrong: the runtime knows how much an entry really takes.
 *
 *     cc bounded-cache.c $(pkg-config --cflags --libs weir) -o bounded-cache
 *
 * Prints:
 *     40 MiB were put in, at most 16 MiB held
 *     the newest entry is there, the oldest is not
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

enum { MIB = 1 << 20, LIMIT = 16 * MIB, ENTRY = 4096, ENTRIES = 40 * MIB / ENTRY };

/* A ring of entries in the order in which they came; oldest <= newest. */
typedef struct cache {
    char *entries[ENTRIES];
    size_t oldest, newest;
} cache;

/* Called on the allocating thread, with no lock of the runtime held. It frees a sixteenth of the entries, so
 * that not every allocation has to call it. */
static void cache_shed(void *context, size_t wanted)
{
    (void)wanted;
    cache *shed = context;
    for (int i = 0; i < ENTRIES / 16 && shed->oldest < shed->newest; i++) {
        weir_free(shed->entries[shed->oldest]);
        shed->entries[shed->oldest++] = NULL;
    }
}

static bool cache_add(cache *to, int value)
{
    char *entry = weir_malloc(ENTRY);
    if (!entry)
        return false; /* nothing left to shed */
    memset(entry, value, ENTRY);
    to->entries[to->newest++] = entry;
    return true;
}

int main(void)
{
    static cache values;
    weir_set_hard_limit(LIMIT);
    weir_set_hard_limit_callback(cache_shed, &values);

    uint64_t most = 0;
    for (int i = 0; i < ENTRIES; i++) {
        if (!cache_add(&values, i))
            return 1;
        if (i % 256 == 0) {
            weir_mem_stats stats;
            weir_read_mem_stats(&stats);
            uint64_t held = stats.sys - stats.heap_released;
            most = held > most ? held : most;
        }
    }
    if (most <= LIMIT)
        printf("%d MiB were put in, at most %d MiB held\n", ENTRIES / (MIB / ENTRY), LIMIT / MIB);
    if (!values.entries[0] && values.entries[ENTRIES - 1])
        puts("the newest entry is there, the oldest is not");
}
