/* Memory runs out, and comes back. The script that runs this sets a limit (on address space, on data, or
 * weir's hard limit); here every entry point must answer NULL and ENOMEM, leave its argument alone, and work
 * again once something is freed; several threads at once must live through it too.
 *
 *     exhaust MIB    at least MIB mebibytes are to be had before the end, and again after all is freed */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

struct link {
    struct link *next;
    size_t size;
};

/* Take blocks of one size until there are no more. */
static struct link *take_all(size_t size, size_t *total)
{
    struct link *all = NULL;
    *total = 0;
    for (;;) {
        errno = 0;
        struct link *link = malloc(size);
        if (link == NULL) {
            CHECK(errno == ENOMEM);
            return all;
        }
        memset(link, 0x5a, size);
        *link = (struct link){all, size};
        all = link;
        *total += size;
    }
}

static void give_back(struct link *all)
{
    while (all) {
        struct link *next = all->next;
        CHECK(((unsigned char *)all)[all->size - 1] == 0x5a);
        free(all);
        all = next;
    }
}

#define REFUSED(expression)                                                                                  \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        CHECK((expression) == NULL);                                                                         \
        CHECK(errno == ENOMEM);                                                                              \
    } while (0)

static void refuse_everywhere(size_t size)
{
    REFUSED(malloc(size));
    REFUSED(calloc(1, size));
    REFUSED(memalign(64, size));
    REFUSED(aligned_alloc(4096, size));
    REFUSED(valloc(size));
    void *untouched = &untouched;
    CHECK(posix_memalign(&untouched, 64, size) == ENOMEM && untouched == (void *)&untouched);
}

static void run_out(size_t size, size_t least)
{
    size_t first, second;
    struct link *all = take_all(size, &first);
    refuse_everywhere(64 << 20);
    if (all) {
        REFUSED(realloc(all, (size_t)64 << 20));
        CHECK(all->size == size && ((unsigned char *)all)[size - 1] == 0x5a);
    }
    give_back(all);
    all = take_all(size, &second);
    give_back(all);
    if (first < least || second < first / 10 * 8) {
        fprintf(stderr,
                "blocks of %zu: %zu MiB at first, %zu MiB after all was freed; at least %zu MiB expected\n",
                size, first >> 20, second >> 20, least >> 20);
        _exit(1);
    }
}

static void *run_out_in_thread(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        size_t total;
        give_back(take_all((size_t)700 << (i * 4), &total));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    size_t least = strtoull(argv[1], NULL, 10) << 20;
    run_out(1 << 20, least);
    run_out(100000, least);
    run_out(3000, least);
    run_out(64, least);
    run_out(16 << 20, least);
    pthread_attr_t small_stack;
    CHECK(pthread_attr_init(&small_stack) == 0 && pthread_attr_setstacksize(&small_stack, 256 << 10) == 0);
    pthread_t threads[3];
    int started = 0;
    while (started < 3 && pthread_create(&threads[started], &small_stack, run_out_in_thread, NULL) == 0)
        started++;
    CHECK(started > 0);
    for (int i = 0; i < started; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    void *p = malloc(1000);
    CHECK(p != NULL);
    free(p);
}
