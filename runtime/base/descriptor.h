/* descriptor: small files of the kernel's that are opened once and read often.
 *
 * The descriptor has a high number, which programs rarely use, and is closed by exec. The program may have
 * closed it and opened another file under its number: so it is read by pread alone, which moves no file
 * position, and the caller checks the content. errno is kept. */
#ifndef WEIR_BASE_DESCRIPTOR_H
#define WEIR_BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

/* -1: it cannot be opened, or a filter of the program's does not allow it (filter.h). */
int descriptor_open(const char *path);
/* Read the whole file and terminate it, by one system call. False: it cannot be read, is empty, or does not
 * fit. */
bool descriptor_read(int descriptor, char *content, size_t size);
void descriptor_close(int descriptor);

#endif
