/* library: what actor `libraries` opens and closes. Blocks are known from its static data alone, or from its
 * thread-local data. */
#include <stddef.h>
#include <stdlib.h>

#include "tests/programs/check.h"

enum { COUNT = 50, SIZE = 300 };

typedef struct item {
    struct item *next;
    unsigned char bytes[SIZE];
} item_t;

static item_t *items; /* made by the constructor */
static char big[100000] = {1};
static void **table = (void **)(big + 64); /* in the middle of static data */
static __thread item_t *local;
static __thread char room[3000];

static item_t *item_new(item_t *next)
{
    item_t *item = malloc(sizeof *item);
    CHECK(item != NULL);
    item->next = next;
    fill(item->bytes, SIZE);
    return item;
}

static void item_free(item_t *item)
{
    CHECK(is_filled(item->bytes, SIZE));
    free(item);
}

__attribute__((constructor)) static void opened(void)
{
    for (int i = 0; i < COUNT; i++)
        items = item_new(items);
    *table = item_new(NULL);
}

__attribute__((destructor)) static void closed(void)
{
    while (items) {
        item_t *next = items->next;
        item_free(items);
        items = next;
    }
    item_free(*table);
}

/* The thread's own: made at first, then checked. */
void library_check(void)
{
    int count = 0;
    for (item_t *item = items; item; item = item->next, count++)
        CHECK(is_filled(item->bytes, SIZE));
    CHECK(count == COUNT);
    CHECK(is_filled(((item_t *)*table)->bytes, SIZE));
    room[0] = 1;
    if (!local)
        local = item_new(NULL);
    CHECK(is_filled(local->bytes, SIZE));
}

void library_thread_ends(void)
{
    if (local)
        item_free(local);
    local = NULL;
}

/* A block that outlives the library: 300 bytes, filled. */
void *library_gives(void)
{
    unsigned char *bytes = malloc(SIZE);
    CHECK(bytes != NULL);
    fill(bytes, SIZE);
    return bytes;
}
