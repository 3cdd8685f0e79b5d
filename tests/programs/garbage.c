/* Allocates known amounts, and loses some of them: for profiles in collect mode.
 *
 *     garbage    keep_list keeps 20000 blocks of 100 bytes, keep_large 20 of 1000000; give_back frees 20000
 *                of 500 by hand; lose_small loses 400000 of 100, lose_large 400 of 300000, twice. The second
 *                time causes more collections: they free what was lost, except what
 *                stale words on stacks keep.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noclone))

static void **list, *volatile large[20];

NOINLINE static void keep_list(void)
{
    for (int i = 0; i < 20000; i++) {
        void **node = malloc(100);
        *node = list;
        list = node;
    }
}

NOINLINE static void keep_large(void)
{
    for (int i = 0; i < 20; i++)
        large[i] = malloc(1000000);
}

NOINLINE static void lose_small(void)
{
    for (int i = 0; i < 400000; i++)
        memset(malloc(100), 1, 100);
}

NOINLINE static void lose_large(void)
{
    for (int i = 0; i < 400; i++)
        memset(malloc(300000), 1, 8);
}

NOINLINE static void give_back(void)
{
    static void *blocks[20000];
    for (int i = 0; i < 20000; i++)
        blocks[i] = malloc(500);
    for (int i = 0; i < 20000; i++)
        free(blocks[i]);
}

int main(void)
{
    keep_list();
    keep_large();
    give_back();
    lose_small();
    lose_large();
    lose_large();
    puts("done");
    return 0;
}
