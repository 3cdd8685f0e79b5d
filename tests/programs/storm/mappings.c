/* mappings: tables of blocks in memory of the program's own: mapped, moved, grown, made read-only and
 * inaccessible, unmapped; a private mapping of a file; memory from sbrk. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>

#include "tests/programs/storm/storm.h"

enum { TABLES = 8, PAGE = 4096 };

typedef struct table {
    block_t **at; /* the only thing that knows the blocks */
    size_t bytes; /* of the mapping; blocks stand at its start and at its end */
    bool sealed;
} table_t;

enum { EACH_END = 40 };

static block_t **place(table_t *t, int i)
{
    return i < EACH_END ? &t->at[i] : t->at + t->bytes / sizeof(block_t *) - 1 - (size_t)(i - EACH_END);
}

static int file_of(size_t bytes)
{
    int fd = memfd_create("storm", MFD_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    return fd;
}

static void table_fill(table_t *t, uint64_t *random)
{
    for (int i = 0; i < 2 * EACH_END; i++)
        if (i % 3)
            *place(t, i) = block_new(random, 3000);
}

static void table_new(table_t *t, uint64_t *random)
{
    t->bytes = PAGE * (1 + below(random, 64));
    int fd = below(random, 3) ? -1 : file_of(t->bytes);
    t->at = mmap(NULL, t->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    CHECK((void *)t->at != MAP_FAILED);
    if (fd >= 0)
        close(fd);
    table_fill(t, random);
}

static void protect(table_t *t, int how)
{
    CHECK(mprotect(t->at, t->bytes, how) == 0);
    t->sealed = how != (PROT_READ | PROT_WRITE);
}

static void table_check(table_t *t)
{
    if (t->sealed)
        protect(t, PROT_READ | PROT_WRITE);
    for (int i = 0; i < 2 * EACH_END; i++)
        if (*place(t, i))
            block_check(*place(t, i));
}

static void table_end(table_t *t)
{
    table_check(t);
    for (int i = 0; i < 2 * EACH_END; i++)
        block_free(*place(t, i));
    CHECK(munmap(t->at, t->bytes) == 0);
    t->at = NULL;
}

/* To a place where something else is mapped. */
static void table_move(table_t *t)
{
    void *there = mmap(NULL, t->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(there != MAP_FAILED);
    t->at = mremap(t->at, t->bytes, t->bytes, MREMAP_MAYMOVE | MREMAP_FIXED, there);
    CHECK((void *)t->at == there);
}

/* The blocks at its end would go with the end. So they are taken out before; meanwhile only this frame knows
 * them. */
static void table_resize(table_t *t, uint64_t *random)
{
    block_t *taken[EACH_END];
    for (int i = 0; i < EACH_END; i++) {
        taken[i] = *place(t, EACH_END + i);
        *place(t, EACH_END + i) = NULL;
    }
    size_t bytes = PAGE * (1 + below(random, 64));
    if (bytes > t->bytes) { /* a private mapping of a file does not reach beyond that file */
        block_t **at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK((void *)at != MAP_FAILED);
        memcpy(at, t->at, EACH_END * sizeof *at);
        CHECK(munmap(t->at, t->bytes) == 0);
        t->at = at;
    } else {
        t->at = mremap(t->at, t->bytes, bytes, MREMAP_MAYMOVE);
        CHECK((void *)t->at != MAP_FAILED);
    }
    t->bytes = bytes;
    for (int i = 0; i < EACH_END; i++)
        *place(t, EACH_END + i) = taken[i];
}

/* One table for all workers: the C library's own heap may not lie there. */
static block_t **from_sbrk;
enum { IN_SBRK = 30 };

static void begin(worker_t *w)
{
    w->state = calloc(TABLES, sizeof(table_t));
    CHECK(w->state != NULL);
    if (w->number == 0) {
        from_sbrk = sbrk(PAGE);
        CHECK((void *)from_sbrk != (void *)-1);
        memset(from_sbrk, 0, PAGE);
    }
}

static void step(worker_t *w)
{
    table_t *t = (table_t *)w->state + below(&w->random, TABLES);
    if (!t->at) {
        DOING("mmap");
        table_new(t, &w->random);
        return;
    }
    DOING("a table in a mapping");
    table_check(t);
    switch (below(&w->random, 6)) {
    case 0:
        table_end(t);
        break;
    case 1:
        table_move(t);
        break;
    case 2:
        table_resize(t, &w->random);
        break;
    case 3:
        protect(t, PROT_READ);
        break;
    case 4:
        protect(t, PROT_NONE);
        break;
    default: {
        block_t **p = place(t, (int)below(&w->random, 2 * EACH_END));
        block_free(*p);
        *p = block_new(&w->random, 1 << 15);
    }
    }
    if (w->number == 0) {
        block_t **p = &from_sbrk[below(&w->random, IN_SBRK)];
        block_free(*p);
        *p = block_new(&w->random, 3000);
    }
}

static void end(worker_t *w)
{
    table_t *tables = w->state;
    for (int i = 0; i < TABLES; i++)
        if (tables[i].at)
            table_end(&tables[i]);
    free(tables);
    for (int i = 0; w->number == 0 && i < IN_SBRK; i++)
        block_free(from_sbrk[i]);
}

const actor_t actor_mappings = {"mappings", 2, 150, false, begin, step, end};
