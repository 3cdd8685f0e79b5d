// realloc-grow: vectors that grow by realloc, as programs do it: many small ones side by side in small steps,
// one by doubling, one large one in 64 KiB steps.
#include "workload.h"

struct vector {
    uint64_t *items;
    size_t count, capacity;
};

static void vector_reserve(struct vector *vector, size_t capacity)
{
    vector->items = realloc(vector->items, capacity * sizeof *vector->items);
    if (!vector->items)
        fail("out of memory");
    vector->capacity = capacity;
}

// Writes every word up to the capacity: growth has to carry contents along.
static void vector_fill(struct vector *vector)
{
    for (; vector->count < vector->capacity; vector->count++)
        vector->items[vector->count] = vector->count;
}

static void vector_free(struct vector *vector)
{
    for (size_t i = 0; i < vector->count; i++)
        if (vector->items[i] != i)
            fail("a vector lost its contents");
    free(vector->items);
    *vector = (struct vector){0};
}

static uint64_t grow_many_small(size_t vectors, size_t bytes)
{
    uint64_t steps = 0;
    random_state random = 42;
    struct vector *table = table_new(vectors, sizeof *table);
    size_t target = bytes / sizeof(uint64_t);
    for (size_t done = 0; done < vectors;) {
        struct vector *vector = &table[random_below(&random, vectors)];
        if (vector->capacity >= target) {
            vector_free(vector);
            done++;
        }
        vector_reserve(vector, vector->capacity + 1 + random_below(&random, 16));
        vector_fill(vector);
        steps++;
    }
    for (size_t i = 0; i < vectors; i++)
        vector_free(&table[i]);
    free(table);
    return steps;
}

static uint64_t grow_by_doubling(size_t bytes)
{
    uint64_t steps = 0;
    struct vector vector = {0};
    for (size_t capacity = 2; capacity <= bytes / sizeof(uint64_t); capacity *= 2, steps++) {
        vector_reserve(&vector, capacity);
        vector_fill(&vector);
    }
    vector_free(&vector);
    return steps;
}

static uint64_t grow_by_step(size_t bytes, size_t step)
{
    uint64_t steps = 0;
    struct vector vector = {0};
    for (size_t size = step; size <= bytes; size += step, steps++) {
        vector_reserve(&vector, size / sizeof(uint64_t));
        vector_fill(&vector);
    }
    vector_free(&vector);
    return steps;
}

int main(int argc, char **argv)
{
    enum { SMALL, LARGE, VECTORS, REPEAT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [SMALL] = {"small", 8 * KIB, "bytes a small vector grows to"},
        [LARGE] = {"large", 256 * MIB, "bytes the large vectors grow to"},
        [VECTORS] = {"vectors", 5000, "small vectors side by side"},
        [REPEAT] = {"repeat", 2, "times all of it"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);

    uint64_t steps = 0;
    double start = now_seconds();
    for (uint64_t i = 0; i < arguments[REPEAT].value; i++) {
        steps += grow_many_small(arguments[VECTORS].value, arguments[SMALL].value);
        steps += grow_by_doubling(arguments[LARGE].value);
        steps += grow_by_step(arguments[LARGE].value, 64 * KIB);
    }
    report_rate("realloc-grow", steps, now_seconds() - start);
    return 0;
}
