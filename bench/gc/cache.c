// cache: a cache of small linked objects, as servers keep them: `live` bytes in entries of 40 bytes, each on a hash
// chain and on the list by last use, with a value of 32 bytes that holds no pointers. Keys are drawn from four times as
// many as there are entries: a quarter of the look-ups hit, and the entry goes to the front; the others miss, and
// the oldest entry is dropped for a new one. The cache is filled, and then used for `seconds`. Each operation is timed:
// a collector that stops the program shows as one long operation. Then `collect` full collections are timed, which gives
// the rate of marking. With `writes` below 100, the other operations only look their key up; `answer` bytes of garbage
// are made in each. cache.go is the same in Go.
#include "speed.h"

struct value {
    uint64_t key, words[3];
};

struct entry {
    struct entry *chain;         // next of the same hash
    struct entry *newer, *older; // neighbours by last use
    struct value *value;
    uint64_t key;
};

struct cache {
    struct entry **table; // of a power of two chains
    size_t mask;
    struct entry *newest, *oldest;
    size_t count;
};

static size_t chain_index(const struct cache *cache, uint64_t key)
{
    return key * 0x9E3779B97F4A7C15ULL >> 32 & cache->mask;
}

static struct entry **chain_of(struct cache *cache, uint64_t key)
{
    return &cache->table[chain_index(cache, key)];
}

static void unlink_use(struct cache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void cache_add(struct cache *cache, uint64_t key)
{
    struct entry *entry = memory_take(sizeof *entry);
    struct value *value = memory_take_data(sizeof *value);
    if (!entry || !value)
        fail("out of memory");
    *value = (struct value){.key = key, .words = {key, key, key}};
    struct entry **chain = chain_of(cache, key);
    entry->key = key;
    entry->value = value;
    entry->chain = *chain;
    *chain = entry;
    link_newest(cache, entry);
    cache->count++;
}

// Clears the links of the entry, so that a false pointer to it keeps no other entry alive.
static void cache_drop_oldest(struct cache *cache)
{
    struct entry *entry = cache->oldest, **link = chain_of(cache, entry->key);
    while (*link != entry)
        link = &(*link)->chain;
    *link = entry->chain;
    unlink_use(cache, entry);
    cache->count--;
    memory_free(entry->value);
    entry->chain = entry->newer = entry->older = NULL;
    entry->value = NULL;
    memory_free(entry);
}

// True: it was there.
static bool cache_use(struct cache *cache, uint64_t key)
{
    for (struct entry *entry = *chain_of(cache, key); entry; entry = entry->chain)
        if (entry->key == key) {
            if (entry->value->key != key)
                fail("a value is not its key's");
            unlink_use(cache, entry);
            link_newest(cache, entry);
            return true;
        }
    cache_drop_oldest(cache);
    cache_add(cache, key);
    return false;
}

static struct cache *cache_new(size_t entries)
{
    struct cache *cache = memory_take(sizeof *cache);
    size_t chains = 1;
    while (chains < entries)
        chains *= 2;
    if (!cache)
        fail("out of memory");
    *cache = (struct cache){.table = memory_take(chains * sizeof *cache->table), .mask = chains - 1};
    if (!cache->table)
        fail("out of memory");
    memset(cache->table, 0, chains * sizeof *cache->table);
    for (uint64_t key = 0; key < entries; key++)
        cache_add(cache, key);
    return cache;
}

// True: it is there. Only reads.
static bool cache_read(const struct cache *cache, uint64_t key)
{
    const struct entry *entry = cache->table[chain_index(cache, key)];
    while (entry && entry->key != key)
        entry = entry->chain;
    if (entry && entry->value->key != key)
        fail("a value is not its key's");
    return entry;
}

// What is done with the cache, and what came of it.
struct load {
    struct cache *cache;
    size_t keys, writes, answer;
    uint64_t operations, hits;
};

// A piece of garbage without pointers.
static void answer_make(size_t size, uint64_t key)
{
    unsigned char *answer = memory_take_data(size);
    if (!answer)
        fail("out of memory");
    answer[0] = answer[size - 1] = (unsigned char)key;
    memory_free(answer);
}

static void operate(void *context, random_state *random)
{
    struct load *load = context;
    uint64_t key = random_below(random, load->keys);
    bool writes = load->writes >= 100 || random_below(random, 100) < load->writes;
    load->hits += writes ? cache_use(load->cache, key) : cache_read(load->cache, key);
    load->operations++;
    if (load->answer > 0)
        answer_make(load->answer, key);
}

static void collect(const struct cache *cache, uint64_t times)
{
    double objects = (double)cache->count * 2 + 2;
    for (uint64_t i = 0; i < times; i++) {
        double start = now_seconds();
        memory_collect();
        double seconds = now_seconds() - start;
        printf("full collection: %.3f s, %.1f M objects/s\n", seconds, objects / seconds / 1e6);
    }
}

int main(int argc, char **argv)
{
    enum { LIVE, SECONDS, WRITES, ANSWER, COLLECT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [LIVE] = {"live", GIB, "bytes in entries and values"},
        [SECONDS] = {"seconds", 30, "to use the cache for"},
        [WRITES] = {"writes", 100, "percent of the operations that may change the cache"},
        [ANSWER] = {"answer", 0, "bytes that an operation allocates and drops"},
        [COLLECT] = {"collect", 0, "full collections to time at the end"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    memory_start();
    cycles_watch();
    double start = now_seconds();
    struct cache *cache = cache_new(arguments[LIVE].value / (sizeof(struct entry) + sizeof(struct value)));
    printf("filled in: %.3f s\n", now_seconds() - start);
    struct load load = {cache, cache->count * 4, arguments[WRITES].value, arguments[ANSWER].value, 0, 0};
    speed_run("cache-" MEMORY_NAME, (double)arguments[SECONDS].value, operate, &load);
    printf("hits: %.1f %%\n", 100.0 * (double)load.hits / (double)load.operations);
    if (MEMORY_COLLECTED)
        collect(cache, arguments[COLLECT].value);
    return 0;
}
