/* heap: blocks of all sizes come, grow, go, and change hands; the table of each worker is a block itself. */
#include <malloc.h>
#include <stdio.h>

#include "tests/programs/storm/storm.h"

enum { SLOTS = 400, AT_ONCE = 200 };

static void begin(worker_t *w)
{
    w->state = calloc(SLOTS, sizeof(block_t *));
    CHECK(w->state != NULL);
}

/* What asks about the heap, or makes it give back. */
static void ask(uint64_t *random)
{
    switch (below(random, 4)) {
    case 0:
        DOING("malloc_trim");
        malloc_trim(0);
        break;
    case 1: {
        DOING("mallinfo2");
        struct mallinfo2 i = mallinfo2();
        CHECK(i.uordblks > 0);
        break;
    }
    case 2: {
        DOING("malloc_info");
        char *text = NULL;
        size_t length;
        FILE *stream = open_memstream(&text, &length);
        CHECK(stream && malloc_info(0, stream) == 0 && fclose(stream) == 0 && length > 0);
        free(text);
        break;
    }
    default: {
        DOING("malloc_usable_size");
        char *p = malloc(1000);
        CHECK(p != NULL);
        memset(p, 7, malloc_usable_size(p));
        free(p);
    }
    }
}

static void step(worker_t *w)
{
    block_t **slots = w->state;
    size_t most = below(&w->random, 50) ? 1 << 16 : 6 << 20;
    DOING("blocks");
    for (int i = 0; i < AT_ONCE; i++) {
        block_t **b = &slots[below(&w->random, SLOTS)];
        switch (below(&w->random, 6)) {
        case 0:
            if (*b)
                *b = block_resize(*b, &w->random, most);
            break;
        case 1:
            if (*b)
                block_check(*b);
            *b = market_swap(&w->random, *b);
            break;
        case 2:
            block_free(*b);
            *b = NULL;
            break;
        default:
            block_free(*b);
            *b = block_new(&w->random, i % 100 ? 1 << 12 : most);
        }
    }
    if (below(&w->random, 40) == 0)
        ask(&w->random);
}

static void end(worker_t *w)
{
    block_t **slots = w->state;
    for (int i = 0; i < SLOTS; i++)
        block_free(slots[i]);
    free(slots);
}

const actor_t actor_heap = {"heap", 3, 60, false, begin, step, end};
