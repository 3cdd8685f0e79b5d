/* A library that gives out blocks, and resizes and frees those of others. Its constructor allocates one
 * before the program knows of the library. */
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
