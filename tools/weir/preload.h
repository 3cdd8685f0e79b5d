/* preload: where the library is, and whether a program can be swapped onto it. */
#ifndef WEIR_TOOLS_PRELOAD_H
#define WEIR_TOOLS_PRELOAD_H

#include <stdbool.h>
#include <stddef.h>

/* The path of libweir-malloc.so: $WEIR_LIBRARY, else beside the command (the build tree), else where the
 * install put it, seen from the command. False if there is none. */
bool preload_find_library(char *path, size_t size);

/* Why the dynamic linker would not preload a library into this program, as the end of "PROGRAM ..."; NULL if
 * it would, or if that cannot be told. The name is looked up in PATH as execvp does; of a script the
 * interpreter counts. */
const char *preload_obstacle(const char *program);

#endif
