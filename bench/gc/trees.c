// trees: the binary-trees benchmark (after Boehm, Ellis and Kovac; the rules of the Computer Language Benchmarks
// Game), on one thread. A tree of depth + 1 stretches the heap and is dropped; one of `depth` lives to the end;
// meanwhile trees of every fourth depth from 4 to `depth` come and go, each depth with the same number of nodes. A
// tree is dropped by freeing its nodes one by one, or by forgetting it. trees.go is the same in Go.
#include "../workloads/workload.h"
#include "memory.h"

enum { LEAST_DEPTH = 4, DEPTH_STEP = 4 };

struct node {
    struct node *left, *right;
};

static struct node *tree_new(unsigned depth)
{
    struct node *node = memory_take(sizeof *node);
    if (!node)
        fail("out of memory");
    if (depth == 0) {
        node->left = node->right = NULL;
    } else {
        node->left = tree_new(depth - 1);
        node->right = tree_new(depth - 1);
    }
    return node;
}

static size_t tree_count(const struct node *node)
{
    return node->left ? 1 + tree_count(node->left) + tree_count(node->right) : 1;
}

static void tree_free(struct node *node)
{
    if (node->left) {
        tree_free(node->left);
        tree_free(node->right);
    }
    memory_free(node);
}

static void tree_check(const struct node *tree, unsigned depth)
{
    if (tree_count(tree) != ((size_t)2 << depth) - 1)
        fail("a tree lost nodes");
}

// One tree's whole life.
static void tree_pass(unsigned depth)
{
    struct node *tree = tree_new(depth);
    tree_check(tree, depth);
    if (!MEMORY_COLLECTED)
        tree_free(tree);
}

int main(int argc, char **argv)
{
    struct argument arguments[] = {{"depth", 20, "depth of the tree that lives throughout"}};
    arguments_parse(argc, argv, arguments, 1);
    unsigned depth = (unsigned)arguments[0].value;
    memory_start();

    double start = now_seconds();
    uint64_t nodes = (uint64_t)4 << depth;
    tree_pass(depth + 1);
    struct node *lasting = tree_new(depth);
    for (unsigned d = LEAST_DEPTH; d <= depth; d += DEPTH_STEP) {
        size_t trees = (size_t)1 << (depth - d + LEAST_DEPTH);
        for (size_t i = 0; i < trees; i++)
            tree_pass(d);
        nodes += trees * ((size_t)2 << d);
    }
    tree_check(lasting, depth);
    report_rate("trees-" MEMORY_NAME, nodes, now_seconds() - start);
    return 0;
}
