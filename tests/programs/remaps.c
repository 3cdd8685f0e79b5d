/* remaps [ROUNDS]: a program whose pointers live in memory that it maps itself, and in large blocks. Threads
 * move them about. They replace, resize, unmap, protect and move that memory, close all descriptors and start
 * processes, while collections go on. Each block has its number, and none may go that a pointer leads to.
 * Prints nothing; status 1 when a block is lost. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { ROUNDS = 300, THREADS = 3, SLOTS = 64 * 1024, MOVES = 1500, KINDS = 13 };
static const size_t BYTES = SLOTS * sizeof(void *);

typedef struct block {
    uint64_t number, check;
    struct block *child;
} block_t;

typedef struct table {
    block_t **slots;   /* memory of its own, of BYTES; filled sparsely */
    block_t ***blocks; /* the first of them is a large block of malloc, of SLOTS / 2 pointers */
    uint64_t random, numbers[SLOTS / 64];
    int rounds;
} table_t;

static uint32_t below(table_t *table, uint32_t limit)
{
    table->random = table->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((table->random >> 33) % limit);
}

static block_t *block_new(uint64_t number)
{
    size_t size = number % 97 == 0 ? 70000 : number % 5 == 0 ? 300 : sizeof(block_t);
    block_t *block = number % 2 ? malloc(size) : calloc(1, size);
    block->number = number;
    block->check = ~number;
    block->child = NULL;
    if (number % 3 == 0) {
        block->child = malloc(sizeof *block->child);
        *block->child = (block_t){number, ~number, NULL};
    }
    return block;
}

static void block_check(const block_t *block)
{
    CHECK(block->number == ~block->check);
    CHECK(!block->child || (block->child->number == block->number && block->child->check == block->check));
}

static block_t **slot_of(table_t *table, uint32_t i)
{
    return i % 4 == 3 ? &table->blocks[0][i * 7 % (SLOTS / 2)] : &table->slots[i * 61 % SLOTS];
}

/* What is moved is in no other place meanwhile. */
static void move(table_t *table)
{
    for (int i = 0; i < MOVES; i++) {
        block_t **from = slot_of(table, below(table, SLOTS)), **to = slot_of(table, below(table, SLOTS)),
                *kept = *to;
        if (*from)
            block_check(*from);
        *to = *from;
        *from = kept;
    }
}

static void fill_some(table_t *table)
{
    static _Atomic uint64_t number = 1;
    for (int i = 0; i < MOVES / 4; i++)
        *slot_of(table, below(table, SLOTS)) = block_new(number++);
}

static void drop(table_t *table)
{
    for (int i = 0; i < MOVES / 4; i++) {
        block_t **slot = slot_of(table, below(table, SLOTS));
        if (*slot && i % 2)
            free(*slot);
        *slot = NULL;
    }
}

static block_t **map(void)
{
    void *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

static void map_anew(table_t *table)
{
    block_t **now = map();
    memcpy(now, table->slots, BYTES);
    munmap(table->slots, BYTES);
    table->slots = now;
}

/* At the same addresses, from a copy in a block. */
static void map_over(table_t *table)
{
    void *copy = malloc(BYTES);
    memcpy(copy, table->slots, BYTES);
    CHECK(mmap(table->slots, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
          MAP_FAILED);
    memcpy(table->slots, copy, BYTES);
    free(copy);
}

static void map_elsewhere(table_t *table)
{
    void *place = map();
    table->slots = mremap(table->slots, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    CHECK(table->slots == place);
}

static void protect(table_t *table)
{
    static const int accesses[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_EXEC};
    CHECK(mprotect(table->slots, BYTES, accesses[below(table, 3)]) == 0);
    usleep(below(table, 300));
    CHECK(mprotect(table->slots, BYTES, PROT_READ | PROT_WRITE) == 0);
}

static void resize(table_t *table)
{
    size_t bytes = SLOTS / 2 * sizeof(void *);
    table->blocks[0] = realloc(table->blocks[0], bytes * (2 + below(table, 5)));
    table->blocks[0] = realloc(table->blocks[0], bytes);
}

static void replace(table_t *table)
{
    block_t **now = calloc(SLOTS / 2, sizeof *now);
    memcpy(now, table->blocks[0], SLOTS / 2 * sizeof *now);
    free(table->blocks[0]);
    table->blocks[0] = now;
}

static void discard(table_t *table)
{
    size_t half = BYTES / 2, at = below(table, 2) * half;
    void *copy = malloc(half);
    memcpy(copy, (char *)table->slots + at, half);
    madvise((char *)table->slots + at, half, MADV_DONTNEED);
    memcpy((char *)table->slots + at, copy, half);
}

static void *start_none(void *argument)
{
    return argument;
}

static void start(table_t *table)
{
    void *block = block_new(3), *result;
    pthread_t thread;
    (void)table;
    CHECK(pthread_create(&thread, NULL, start_none, block) == 0);
    pthread_join(thread, &result);
    block_check(result);
}

static void spawn(table_t *table)
{
    static char *const arguments[] = {"true", NULL};
    pid_t child;
    int status;
    if (below(table, 8) > 0)
        return;
    if (below(table, 2)) {
        CHECK(posix_spawn(&child, "/bin/true", NULL, NULL, arguments, NULL) == 0);
    } else {
        child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            move(table);
            fill_some(table);
            _exit(0);
        }
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void load(table_t *table)
{
    void *library = below(table, 4) == 0 ? dlopen("libBrokenLocale.so.1", RTLD_NOW) : NULL;
    if (library)
        dlclose(library);
}

static void close_all(table_t *table)
{
    if (below(table, 4) == 0)
        syscall(SYS_close_range, 3, ~0u, 0);
}

static void *run(void *argument)
{
    static void (*const kinds[KINDS])(table_t *) = {map_anew, map_over, map_elsewhere, protect, resize,
                                                    replace,  discard,  start,         spawn,   load,
                                                    drop,     drop,     close_all};
    table_t *table = argument;
    table->slots = map();
    table->blocks = malloc(sizeof *table->blocks);
    table->blocks[0] = calloc(SLOTS / 2, sizeof(void *));
    for (int i = 0; i < table->rounds; i++) {
        fill_some(table);
        move(table);
        kinds[below(table, KINDS)](table);
        move(table);
    }
    for (uint32_t i = 0; i < SLOTS; i++)
        if (*slot_of(table, i))
            block_check(*slot_of(table, i));
    return NULL;
}

int main(int count, char **arguments)
{
    static table_t tables[THREADS];
    pthread_t threads[THREADS];
    alarm(HANG);
    for (int i = 0; i < THREADS; i++) {
        tables[i].random = (uint64_t)i + 1;
        tables[i].rounds = count > 1 ? atoi(arguments[1]) : ROUNDS;
        CHECK(pthread_create(&threads[i], NULL, run, &tables[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
