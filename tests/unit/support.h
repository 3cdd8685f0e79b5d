/* What the tests of the heap share: random numbers, patterns, threads, and what the kernel says is
 * resident. */
#ifndef WEIR_UNIT_SUPPORT_H
#define WEIR_UNIT_SUPPORT_H

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/debug/verify.h"
#include "runtime/heap/heap.h"
#include "runtime/pages/pages.h"
#include "runtime/threads/attach.h"
#include "tests/unit/check.h"

#ifndef MADV_POPULATE_WRITE /* musl's headers do not have it */
#define MADV_POPULATE_WRITE 23
#endif

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

/* Seconds after which a child of fork counts as hung: far beyond what the slowest and busiest machine
 * needs. */
enum { HANG = 600 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* Do all other threads of the process sleep in the kernel? */
static inline bool others_sleep(void)
{
    char name[300], line[512];
    bool all = true;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        snprintf(name, sizeof name, "/proc/self/task/%s/stat", task->d_name);
        FILE *file = task->d_name[0] == '.' || atoi(task->d_name) == gettid() ? NULL : fopen(name, "r");
        const char *state = file && fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
        all &= !state || state[2] == 'S';
        if (file)
            fclose(file);
    }
    closedir(tasks);
    return all;
}

/* fork. AddressSanitizer's allocator has no fork handlers: if another thread is inside it at that moment, as
 * a starting thread is, the child finds it locked for ever. So under AddressSanitizer the others have to
 * sleep first. */
static inline pid_t fork_beside_threads(void)
{
    while (SANITIZED && !others_sleep())
        usleep(1000);
    return fork();
}

#ifdef __SANITIZE_THREAD__
enum { WATCHED = 1 }; /* ThreadSanitizer does not see what a thread does in its last round of destructors */
#else
enum { WATCHED = 0 };
#endif

/* A field of the page statistics as it is now, as a number: some of them are atomic. */
#define PAGE_STAT(field)                                                                                     \
    __extension__({                                                                                          \
        page_stats_t page_stats_now = pages_stats();                                                         \
        (size_t) page_stats_now.field;                                                                       \
    })

static inline void set_limits(int64_t soft, int64_t hard)
{
    pages_set_soft_limit(soft);
    pages_set_hard_limit(hard);
}

/* Count 1025 large frees for this thread, so that none of its next thousand freed blocks is kept inaccessible
 * (malloc/large.c). */
static inline void pass_held_frees(void)
{
    heap_t *heap = thread_heap();
    heap->counts.large_allocs += 1025;
    heap->counts.large_frees += 1025;
}

/* splitmix64 (Steele, Lea, Flood, 2014) */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline size_t random_below(uint64_t *state, size_t bound)
{
    return (size_t)(random_next(state) % bound);
}

/* A block's contents as a function of one number, `seed`. In a block of more than 32 KiB only 64 bytes at
 * each end, and one byte in 1009 between them, are written and checked. */
static inline uint8_t pattern_byte(uint64_t seed, size_t at)
{
    return (uint8_t)(seed + at * 31);
}

static inline size_t pattern_step(size_t size, size_t at)
{
    return size <= KIB(32) || at < 64 || at + 64 >= size ? 1 : at + 1009 < size - 64 ? 1009 : size - 64 - at;
}

static inline void pattern_fill(void *p, size_t size, uint64_t seed)
{
    for (size_t at = 0; at < size; at += pattern_step(size, at))
        ((uint8_t *)p)[at] = pattern_byte(seed, at);
}

/* Do the first `kept` bytes hold the pattern of a block that was filled with `filled` bytes? */
static inline bool pattern_intact(const void *p, size_t filled, size_t kept, uint64_t seed)
{
    for (size_t at = 0; at < kept; at += pattern_step(filled, at))
        if (((const uint8_t *)p)[at] != pattern_byte(seed, at))
            return false;
    return true;
}

static inline bool is_zero(const void *p, size_t size)
{
    const char *bytes = p;
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* A block grows in steps to less than `below` bytes, and keeps what it held. In a heap that looks for
 * misuse each step moves it. */
static inline void realloc_moves_and_keeps(size_t below)
{
    size_t size = 1;
    char *p = heap_malloc(size);
    pattern_fill(p, size, 7);
    for (size_t next = 3; next < below; size = next, next += next + 1) {
        char *q = heap_realloc(p, next);
        CHECK(q && q != p && pattern_intact(q, size, size, 7), "%zu", next);
        pattern_fill(q, next, 7);
        p = q;
    }
    heap_free(p);
}

/* Run a function on `count` threads, numbered from 0, and wait for them. */
struct threads_start {
    void (*run)(size_t number);
    size_t number;
};

static inline void *threads_enter(void *argument)
{
    struct threads_start *start = argument;
    start->run(start->number);
    return NULL;
}

static inline void threads_run(size_t count, void (*run)(size_t number))
{
    enum { MOST = 64 };
    pthread_t threads[MOST];
    struct threads_start starts[MOST];
    for (size_t i = 0; i < count; i++) {
        starts[i] = (struct threads_start){run, i};
        CHECK(pthread_create(&threads[i], NULL, threads_enter, &starts[i]) == 0);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* Bytes that the kernel holds resident between two addresses: whole mappings, from /proc/self/smaps. Two
 * mappings that the collector's thread joins during the read may be printed apart and then once more as one,
 * which begins before the end of the last. Then *is_torn is set. */
static inline size_t resident_once(uintptr_t low, uintptr_t high, bool *is_torn)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    CHECK(file != NULL);
    char line[512];
    size_t kib, sum = 0;
    uintptr_t from = 0, to = 0, end = 0;
    *is_torn = false;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            *is_torn |= from < end;
            end = to;
        } else if (sscanf(line, "Rss: %zu kB", &kib) == 1 && from >= low && to <= high) {
            sum += KIB(kib);
        }
    fclose(file);
    return sum;
}

static inline size_t resident_between(uintptr_t low, uintptr_t high)
{
    bool is_torn;
    size_t sum;
    do
        sum = resident_once(low, high, &is_torn);
    while (is_torn);
    return sum;
}

static inline size_t anon_huge_bytes(void)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "AnonHugePages: %zu kB", &kib) != 1)
        ;
    if (file)
        fclose(file);
    return KIB(kib);
}

static inline bool may_have_huge_pages(void)
{
    char setting[64] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    if (file && !fgets(setting, sizeof setting, file))
        setting[0] = 0;
    if (file)
        fclose(file);
    return strstr(setting, "[madvise]") || strstr(setting, "[always]");
}

/* The region with its side tables: they are one claim. */
static inline size_t resident_region(void)
{
    return resident_between((uintptr_t)region.chunks, region_base + region.size);
}

/* Check every structure of the calling thread's heap. */
static inline void verify_own(void)
{
    if (cache.heap)
        verify_heap(cache.heap);
}

/* Limit private writable memory to what the process has now plus `more` bytes (RLIMIT_DATA). */
static inline void limit_data(size_t more)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%*u %*u %*u %*u %*u %zu", &pages) == 1);
    fclose(file);
    rlim_t limit = pages * OS_PAGE + more;
    CHECK(setrlimit(RLIMIT_DATA, &(struct rlimit){limit, limit}) == 0);
}

/* Take blocks of the size until there is no more memory, and free them: how many there were. */
static inline size_t fill_to_the_end_and_free(size_t size)
{
    enum { MOST = 1 << 16 };
    static void *blocks[MOST];
    size_t count = 0;
    while (count < MOST && (blocks[count] = heap_malloc(size)))
        memset(blocks[count++], 1, size);
    CHECK(count < MOST);
    for (size_t i = 0; i < count; i++)
        heap_free(blocks[i]);
    return count;
}

/* Under RLIMIT_DATA what was freed can be had again, by blocks of the same size and of others. */
static inline void data_can_be_had_again(void)
{
    static const size_t sizes[] = {3000, 10000, KIB(300), MIB(1), MIB(3), 10000, MIB(3)};
    size_t had[COUNT(sizes)];
    if (SANITIZED) /* their shadow memory counts against the limit */
        return;
    heap_free(heap_malloc(1));
    limit_data(MIB(96));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        had[i] = fill_to_the_end_and_free(sizes[i]);
        for (size_t j = 0; j < i; j++)
            CHECK(sizes[i] != sizes[j] || had[i] * 5 >= had[j] * 4, "blocks of %zu: %zu, and %zu later",
                  sizes[i], had[j], had[i]);
        for (int again = 0; again < 3; again++) {
            size_t now = fill_to_the_end_and_free(sizes[i]);
            CHECK(now * 5 >= had[i] * 4, "blocks of %zu: %zu at first, then %zu", sizes[i], had[i], now);
        }
        pages_verify();
    }
    verify_own();
}

#endif
