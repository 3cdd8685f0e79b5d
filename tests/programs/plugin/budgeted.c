/* The library of program `budgeted`: what it allocates, and what the C library allocates for it, is charged
 * to it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *library_allocate(size_t size)
{
    return malloc(size);
}

char *library_print(size_t length)
{
    char *text;
    return asprintf(&text, "%*s", (int)length, "x") < 0 ? NULL : text;
}

/* What the program's function allocates is charged to this library, which called the function. */
void *library_call(void *(*function)(size_t size), size_t size)
{
    return function(size);
}
