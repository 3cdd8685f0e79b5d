/* grows-full MIB STEP-KIB: one table grows to MIB by realloc, in steps, and is written all over. The first word
 * of each page points to a block that nothing else points to. Meanwhile another thread makes garbage. At the
 * end the table and its blocks have what was written. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"

enum { PAGE = 4096 };

typedef struct page {
    uint64_t *block;
    uint64_t number[PAGE / sizeof(uint64_t) - 1];
} page_t;

static atomic_bool ended;

static void *make_garbage(void *unused)
{
    (void)unused;
    while (!ended) {
        void *p = malloc(100000);
        CHECK(p);
        fill(hide(p), 100000);
        free(p);
    }
    return NULL;
}

static void write_page(page_t *page, uint64_t number)
{
    CHECK((page->block = malloc(sizeof *page->block)) != NULL);
    *page->block = number;
    for (size_t i = 0; i < sizeof page->number / sizeof page->number[0]; i++)
        page->number[i] = number;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    size_t pages = (size_t)atol(argv[1]) << 8, step = (size_t)atol(argv[2]) / 4, written = 0;
    page_t *table = NULL;
    pthread_t other;
    CHECK(pthread_create(&other, NULL, make_garbage, NULL) == 0);
    while (written < pages) {
        table = realloc(table, (written + step) * sizeof *table);
        CHECK(table);
        for (size_t end = written + step; written < end; written++)
            write_page(&table[written], written);
    }
    ended = 1;
    CHECK(pthread_join(other, NULL) == 0);
    for (size_t i = 0; i < written; i++) {
        CHECK(*table[i].block == i);
        CHECK(table[i].number[0] == i);
        CHECK(memcmp(table[i].number, table[i].number + 1, sizeof table[i].number - sizeof(uint64_t)) == 0);
    }
    _exit(0);
}
