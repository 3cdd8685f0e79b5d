// The small objects of shapes.c and table.c. node.go is the same in Go.
#pragma once
#include "../workloads/workload.h"
#include "memory.h"

enum { NODE_GARBAGE = 10 }; // objects

struct node {
    struct node *next;
    uint64_t key;
};

static inline void *node_memory(size_t size)
{
    void *object = memory_take(size);
    if (!object)
        fail("out of memory");
    return object;
}

static inline struct node *node_new(struct node *next, uint64_t key)
{
    struct node *node = node_memory(sizeof *node);
    *node = (struct node){next, key};
    return node;
}

static inline void node_check(const struct node *node, uint64_t key)
{
    if (node->key != key)
        fail("an object lost its contents");
}

// What most operations do beside their own work: a short list is made, read and dropped.
static inline void node_garbage(void)
{
    struct node *list = NULL;
    for (uint64_t key = 0; key < NODE_GARBAGE; key++)
        list = node_new(list, key);
    for (uint64_t key = NODE_GARBAGE; key-- > 0;) {
        struct node *node = list;
        node_check(node, key);
        list = node->next;
        memory_free(node);
    }
}
