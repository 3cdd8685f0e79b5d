/* descriptor: small files of the kernel's that are opened once and read often.
 *
 * The descriptor lies where programs have none, is closed by exec, and is read by pread alone: no position
 * moves, should the program have closed it and opened something else there. A reader checks what it says.
 * errno is kept. */
#ifndef WEIR_BASE_DESCRIPTOR_H
#define WEIR_BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

/* -1: it cannot be opened, or a filter of the program's does not allow it (filter.h). */
int descriptor_open(const char *path);
/* The whole file, which is shorter than size, from its beginning; terminated. One system call. */
bool descriptor_read(int descriptor, char *content, size_t size);
void descriptor_close(int descriptor);

#endif
