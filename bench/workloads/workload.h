// What the workloads share: NAME=VALUE arguments, the clock, random numbers, stamps, and the closing line.
//
// A stamp proves that a block is still the one handed out: its first word and its last byte depend on its
// address and size and are checked before it is freed. Blocks are therefore at least 8 bytes long.
#pragma once
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

_Noreturn static inline void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

// ---- arguments ----

struct argument {
    const char *name;
    uint64_t value; // the default, until arguments_parse has run
    const char *help;
};

// "64", "10K", "3M", "1G": binary factors for sizes and counts alike.
static inline bool argument_number(const char *text, uint64_t *value)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (end == text)
        return false;
    static const char factors[] = "KMG";
    const char *factor = *end ? strchr(factors, *end) : NULL;
    *value = number << (factor ? 10 * (factor - factors + 1) : 0);
    return *end == '\0' || (factor && end[1] == '\0');
}

static inline void arguments_usage(const char *program, const struct argument *arguments, size_t count)
{
    fprintf(stderr, "usage: %s [NAME=VALUE…]\n", program);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "  %-10s %s (%" PRIu64 ")\n", arguments[i].name, arguments[i].help,
                arguments[i].value);
    exit(2);
}

static inline void arguments_parse(int argc, char **argv, struct argument *arguments, size_t count)
{
    for (int a = 1; a < argc; a++) {
        const char *equals = strchr(argv[a], '=');
        size_t i = count;
        if (equals)
            for (i = 0; i < count; i++)
                if (strlen(arguments[i].name) == (size_t)(equals - argv[a]) &&
                    !strncmp(arguments[i].name, argv[a], (size_t)(equals - argv[a])))
                    break;
        if (i == count || !argument_number(equals + 1, &arguments[i].value))
            arguments_usage(argv[0], arguments, count);
    }
}

// ---- clock and random numbers ----

static inline double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void sleep_seconds(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

typedef uint64_t random_state; // never zero

// xorshift64* (Vigna 2016).
static inline uint64_t random_next(random_state *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DULL;
}

// Uniform below `bound`, which is less than 2^32.
static inline size_t random_below(random_state *state, size_t bound)
{
    return (size_t)((random_next(state) >> 32) * bound >> 32);
}

// Every doubling from 2^low to 2^high bytes is equally likely, and within one every size.
static inline size_t random_size(random_state *state, unsigned low, unsigned high)
{
    size_t base = (size_t)1 << (low + random_below(state, high - low));
    return base + random_below(state, base);
}

// ---- blocks ----

struct block {
    void *address;
    size_t size;
};

static inline uint64_t stamp_of(const void *address, size_t size)
{
    return ((uint64_t)(uintptr_t)address + size) * 0x9E3779B97F4A7C15ULL;
}

static inline void stamp_write(void *address, size_t size)
{
    uint64_t stamp = stamp_of(address, size);
    memcpy(address, &stamp, sizeof stamp);
    ((unsigned char *)address)[size - 1] = (unsigned char)(stamp >> 56);
}

static inline void stamp_check(const void *address, size_t size)
{
    uint64_t stamp = stamp_of(address, size), found;
    memcpy(&found, address, sizeof found);
    if (found != stamp || ((const unsigned char *)address)[size - 1] != (unsigned char)(stamp >> 56))
        fail("a block lost its contents");
}

static inline struct block block_new(size_t size)
{
    void *address = malloc(size);
    if (!address)
        fail("out of memory");
    stamp_write(address, size);
    return (struct block){address, size};
}

static inline void block_free(struct block block)
{
    if (!block.address)
        return;
    stamp_check(block.address, block.size);
    free(block.address);
}

static inline void blocks_free(struct block *blocks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        block_free(blocks[i]);
}

static inline void *table_new(size_t count, size_t size)
{
    void *table = calloc(count, size);
    if (!table)
        fail("out of memory");
    return table;
}

// Writes a word to every page of a block, so that all of it is resident.
static inline void pages_touch(void *address, size_t size)
{
    for (size_t offset = 4 * KIB; offset + 8 < size; offset += 4 * KIB)
        *(volatile uint64_t *)((char *)address + (offset & ~(size_t)7)) = offset;
}

// ---- chained blocks ----
// Blocks that hold their own link and size, for workloads whose resident size is measured.

struct chained {
    uint64_t stamp; // must come first, see block_new
    struct chained *next;
    size_t size;
};

static inline struct chained *chained_new(size_t size)
{
    struct chained *block = block_new(size).address;
    pages_touch(block, size);
    block->next = NULL;
    block->size = size;
    return block;
}

static inline void chained_free(struct chained *block)
{
    block_free((struct block){block, block->size});
}

// ---- resident size ----

// The number after `key` in a /proc file, or 0; uses no memory of the heap, so that looking changes nothing.
static inline size_t proc_number(const char *path, const char *key)
{
    char text[4096];
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    ssize_t length = 0, got;
    while ((got = read(fd, text + length, sizeof text - 1 - (size_t)length)) > 0)
        length += got;
    close(fd);
    text[length] = '\0';
    const char *found = strstr(text, key);
    return found ? strtoull(found + strlen(key), NULL, 10) : 0;
}

// Exact: the kernel walks the page tables for it (about 10 ms per GiB).
static inline size_t resident_bytes_exact(void)
{
    return proc_number("/proc/self/smaps_rollup", "\nRss:") * KIB;
}

static inline double to_mib(size_t bytes)
{
    return (double)bytes / (double)MIB;
}

// ---- the closing line ----

static inline void report_rate(const char *name, uint64_t operations, double seconds)
{
    printf("%s: %.0f operations/s (%" PRIu64 " in %.3f s)\n", name, (double)operations / seconds, operations,
           seconds);
}
