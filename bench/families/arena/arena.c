/* arena: what it costs to allocate memory that is freed all at once. A lot is what the objects are allocated
 * in, and what frees them: an arena, a pool, an obstack. lots/ has a file for each allocator; -DLOT chooses
 * one.
 *
 *     Alloc/size=S     objects of S bytes; after each 1000 the lot is emptied and keeps its memory; one op is
 *                      an object
 *     Tree/nodes=N     a balanced binary tree of nodes of 32 bytes, built depth first, as a parser does. Then
 *                      the lot that was made for it ends (drop=end), or the lot is emptied and keeps its
 *                      memory (drop=clear). One op is a tree; the first is not counted
 *     Request          a lot is made; 20 objects of 16 to 400 bytes, a string and a buffer of 4 KiB are
 *                      allocated; the lot ends
 *     Text             1000 pieces of 10 bytes put together to one string
 *
 * Allocators in which each object has to be freed (LOT_FREES_EACH) free each, the tree by walking it. go/ is
 * the same on Go's heap.
 */
#include <stdlib.h>
#include <string.h>

#include <weir/bench.h>

#include LOT

enum { BATCH = 1000, PIECES = 1000, REQUEST_OBJECTS = 20 };

__attribute__((constructor)) static void start(void)
{
    lot_start();
}

static void *check(void *object)
{
    if (!object)
        abort();
    return object;
}

static void alloc(struct bench *b, void *size)
{
    void *objects[BATCH];
    lot_t lot;
    lot_begin(&lot);
    for (int64_t left = b->n; left > 0; left -= BATCH) {
        int64_t count = left < BATCH ? left : BATCH;
        for (int64_t i = 0; i < count; i++) {
            char *object = lot_alloc(&lot, *(const size_t *)size);
            object[0] = 1;
            bench_keep(object);
            if (LOT_FREES_EACH)
                objects[i] = object;
        }
        for (int64_t i = 0; LOT_FREES_EACH && i < count; i++)
            lot_drop(&lot, objects[i]);
        lot_clear(&lot);
    }
    lot_end(&lot);
}

BENCH(alloc)
{
    static size_t sizes[] = {16, 32, 64};
    bench_run(b, "size=16", alloc, &sizes[0]);
    bench_run(b, "size=32", alloc, &sizes[1]);
    bench_run(b, "size=64", alloc, &sizes[2]);
}

struct node {
    struct node *left, *right;
    uint64_t values[2];
};

static struct node *tree_build(lot_t *lot, size_t nodes)
{
    struct node *node = check(lot_alloc(lot, sizeof *node));
    size_t left = (nodes - 1) / 2, right = nodes - 1 - left;
    *node = (struct node){.values = {nodes}};
    node->left = left > 0 ? tree_build(lot, left) : NULL;
    node->right = right > 0 ? tree_build(lot, right) : NULL;
    return node;
}

static void tree_drop(lot_t *lot, struct node *node)
{
    if (node->left)
        tree_drop(lot, node->left);
    if (node->right)
        tree_drop(lot, node->right);
    lot_drop(lot, node);
}

static void tree(lot_t *lot, size_t nodes)
{
    struct node *root = bench_keep(tree_build(lot, nodes));
    if (LOT_FREES_EACH)
        tree_drop(lot, root);
}

static void tree_in_lot(size_t nodes)
{
    lot_t lot;
    lot_begin(&lot);
    tree(&lot, nodes);
    lot_end(&lot);
}

/* The first tree is not timed: its pages come from the kernel, and under a hypervisor from the host. */
static void tree_end(struct bench *b, void *nodes)
{
    tree_in_lot(*(const size_t *)nodes);
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++)
        tree_in_lot(*(const size_t *)nodes);
}

static void tree_clear(struct bench *b, void *nodes)
{
    lot_t lot;
    lot_begin(&lot);
    tree(&lot, *(const size_t *)nodes);
    lot_clear(&lot);
    bench_reset_timer(b);
    for (int64_t i = 0; i < b->n; i++) {
        tree(&lot, *(const size_t *)nodes);
        lot_clear(&lot);
    }
    bench_stop_timer(b);
    lot_end(&lot);
}

BENCH(tree)
{
    static size_t small = 64 * 1024, large = 10 * 1000 * 1000;
    bench_run(b, "nodes=64K/drop=end", tree_end, &small);
    bench_run(b, "nodes=64K/drop=clear", tree_clear, &small);
    bench_run(b, "nodes=10M/drop=end", tree_end, &large);
    bench_run(b, "nodes=10M/drop=clear", tree_clear, &large);
}

BENCH(request)
{
    void *objects[REQUEST_OBJECTS + 2];
    while (bench_loop(b)) {
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

BENCH(text)
{
    lot_t lot;
    lot_begin(&lot);
    while (bench_loop(b)) {
        lot_text_t built;
        lot_text_begin(&lot, &built);
        for (size_t i = 0; i < PIECES; i++)
            lot_text_add(&lot, &built, "0123456789", 10);
        char *string = bench_keep(check(lot_text_end(&lot, &built)));
        if (LOT_FREES_EACH)
            lot_drop(&lot, string);
        lot_clear(&lot);
    }
    lot_end(&lot);
}
