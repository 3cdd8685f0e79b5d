/* memory: allocation that ends the command rather than fail. */
#ifndef WEIR_TOOLS_BENCHSTAT_MEMORY_H
#define WEIR_TOOLS_BENCHSTAT_MEMORY_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *memory_checked(void *memory)
{
    if (memory == NULL) {
        fputs("weir: out of memory\n", stderr);
        exit(125); /* EXIT_OWN_FAILURE of tools/weir/command.h */
    }
    return memory;
}

/* Zeros; for no elements as for one. */
static inline void *memory_new(size_t count, size_t size)
{
    return memory_checked(calloc(count > 0 ? count : 1, size));
}

/* Room for one more of `count` elements; doubles, so that appending costs a constant each. */
static inline void *memory_grow(void *array, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    return memory_checked(reallocarray(array, count == 0 ? 1 : 2 * count, size));
}

static inline char *memory_text(const char *text, size_t length)
{
    return memory_checked(strndup(text, length));
}

#endif
