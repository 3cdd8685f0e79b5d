/* A library that gives out blocks, resizes and frees those of others; with a block from before the program
 * knows of it. */
#include <stdlib.h>

static void *early;

__attribute__((constructor)) static void begin(void)
{
    early = malloc(100);
}

__attribute__((destructor)) static void end(void)
{
    free(early);
}

void *deep_make(size_t size)
{
    return malloc(size);
}

void *deep_grow(void *p, size_t size)
{
    return realloc(p, size);
}

void deep_take(void *p)
{
    free(p);
}
