// arena: what memory that goes all at once costs, in one of several allocators: lots/*.h, chosen by -DLOT.
//
//     Alloc/size=S     1000 objects of S bytes, then all of them gone, the memory kept; ns per object
//     Tree/nodes=N     a complete binary tree of nodes of 32 bytes, built depth first and dropped: with the lot that
//                      was made for it (drop=end), or the lot is emptied and keeps its memory (drop=clear); ns per
//                      node
//     Request          a lot made, 20 objects of 16 to 400 bytes, a string and a buffer of 4 KiB, the lot ended;
//                      ns per request
//     Text             1000 pieces of 10 bytes put together to one string; ns per string
//
// Allocators in which each object has to be freed (LOT_FREES_EACH) free each, the tree by walking it.
//
//     arena-weir [Alloc|Tree|Request|Text]
#include <stdbool.h>
#include <stdlib.h>

#include "bench.h"

#include LOT

enum { BATCH = 1000, PIECES = 1000, REQUEST_OBJECTS = 20 };

static void *check(void *object)
{
    if (!object)
        abort();
    return object;
}

static void alloc(uint64_t n, uint64_t size)
{
    void *objects[BATCH];
    lot_t lot;
    lot_begin(&lot);
    for (uint64_t batch = 0; batch < n; batch++) {
        for (size_t i = 0; i < BATCH; i++) {
            char *object = lot_alloc(&lot, size);
            object[0] = 1;
            bench_keep(object);
            if (LOT_FREES_EACH)
                objects[i] = object;
        }
        for (size_t i = 0; LOT_FREES_EACH && i < BATCH; i++)
            lot_drop(&lot, objects[i]);
        lot_clear(&lot);
    }
    lot_end(&lot);
}

struct node {
    struct node *left, *right;
    uint64_t values[2];
};

static struct node *tree_build(lot_t *lot, unsigned depth)
{
    struct node *node = check(lot_alloc(lot, sizeof *node));
    *node = (struct node){.values = {depth}};
    if (depth > 0) {
        node->left = tree_build(lot, depth - 1);
        node->right = tree_build(lot, depth - 1);
    }
    return node;
}

static void tree_drop(lot_t *lot, struct node *node)
{
    if (node->left) {
        tree_drop(lot, node->left);
        tree_drop(lot, node->right);
    }
    lot_drop(lot, node);
}

static void tree(lot_t *lot, uint64_t depth)
{
    struct node *root = tree_build(lot, (unsigned)depth);
    bench_keep(root);
    if (LOT_FREES_EACH)
        tree_drop(lot, root);
}

static void tree_end(uint64_t n, uint64_t depth)
{
    while (n-- > 0) {
        lot_t lot;
        lot_begin(&lot);
        tree(&lot, depth);
        lot_end(&lot);
    }
}

static void tree_clear(uint64_t n, uint64_t depth)
{
    static lot_t lot; // one for all rounds: the first finds it without memory
    static bool begun;
    if (!begun)
        lot_begin(&lot);
    begun = true;
    while (n-- > 0) {
        tree(&lot, depth);
        lot_clear(&lot);
    }
}

static void request(uint64_t n, uint64_t unused)
{
    void *objects[REQUEST_OBJECTS + 2];
    (void)unused;
    while (n-- > 0) {
        lot_t lot;
        lot_begin(&lot);
        for (size_t i = 0; i < REQUEST_OBJECTS; i++) {
            objects[i] = check(lot_alloc(&lot, 16 + i * 20));
            *(size_t *)objects[i] = i;
        }
        objects[REQUEST_OBJECTS] = check(lot_alloc(&lot, 30));
        memcpy(objects[REQUEST_OBJECTS], "GET /index.html HTTP/1.1\r\nHost", 30);
        objects[REQUEST_OBJECTS + 1] = check(lot_alloc(&lot, 4096));
        bench_keep(objects);
        for (size_t i = 0; LOT_FREES_EACH && i < REQUEST_OBJECTS + 2; i++)
            lot_drop(&lot, objects[i]);
        lot_end(&lot);
    }
}

static void text(uint64_t n, uint64_t unused)
{
    lot_t lot;
    (void)unused;
    lot_begin(&lot);
    while (n-- > 0) {
        lot_text_t built;
        lot_text_begin(&lot, &built);
        for (size_t i = 0; i < PIECES; i++)
            lot_text_add(&lot, &built, "0123456789", 10);
        char *string = check(lot_text_end(&lot, &built));
        bench_keep(string);
        if (LOT_FREES_EACH)
            lot_drop(&lot, string);
        lot_clear(&lot);
    }
    lot_end(&lot);
}

static const struct {
    const char *name;
    uint64_t objects; // per turn
    void (*work)(uint64_t n, uint64_t argument);
    uint64_t argument;
} benchmarks[] = {
    {"Alloc/size=16/in=" LOT_NAME, BATCH, alloc, 16},
    {"Alloc/size=32/in=" LOT_NAME, BATCH, alloc, 32},
    {"Alloc/size=64/in=" LOT_NAME, BATCH, alloc, 64},
    {"Tree/nodes=64K/drop=end/in=" LOT_NAME, (1 << 16) - 1, tree_end, 15},
    {"Tree/nodes=64K/drop=clear/in=" LOT_NAME, (1 << 16) - 1, tree_clear, 15},
    {"Tree/nodes=8M/drop=end/in=" LOT_NAME, (1 << 23) - 1, tree_end, 22},
    {"Tree/nodes=8M/drop=clear/in=" LOT_NAME, (1 << 23) - 1, tree_clear, 22},
    {"Tree/nodes=16M/drop=end/in=" LOT_NAME, (1 << 24) - 1, tree_end, 23},
    {"Tree/nodes=16M/drop=clear/in=" LOT_NAME, (1 << 24) - 1, tree_clear, 23},
    {"Request/in=" LOT_NAME, 1, request, 0},
    {"Text/in=" LOT_NAME, 1, text, 0},
};

int main(int count, char **arguments)
{
    lot_start();
    for (size_t i = 0; i < sizeof benchmarks / sizeof benchmarks[0]; i++)
        if (count < 2 || strstr(benchmarks[i].name, arguments[1]))
            bench_run(benchmarks[i].name, benchmarks[i].objects, benchmarks[i].work, benchmarks[i].argument);
}
