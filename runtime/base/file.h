/* file: the small files of /proc and /sys, read without an allocation. */
#ifndef WEIR_BASE_FILE_H
#define WEIR_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* The file's first size - 1 bytes as a string; false if it cannot be read. May change errno. */
bool file_read(const char *path, char *content, size_t size);

#endif
