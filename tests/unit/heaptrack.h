/* heaptrack's functions, as the tool would define them when it is loaded: they note what they are told. */
#ifndef WEIR_UNIT_HEAPTRACK_H
#define WEIR_UNIT_HEAPTRACK_H

#include "tests/unit/support.h"

void heaptrack_malloc(void *object, size_t size);
void heaptrack_free(void *object);

enum { MOST = 1000 };
static struct {
    void *object;
    size_t size;
} told[MOST];
static size_t told_count;

void heaptrack_malloc(void *object, size_t size)
{
    CHECK(told_count < MOST);
    told[told_count].object = object;
    told[told_count++].size = size;
}

void heaptrack_free(void *object)
{
    for (size_t i = 0; i < told_count; i++)
        if (told[i].object == object) {
            told[i] = told[--told_count];
            return;
        }
    CHECK(false, "freed, and never allocated");
}

#endif
