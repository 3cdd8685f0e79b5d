/* gzip: writes the gzip format (RFC 1952), which `go tool pprof` and others expect. Nothing is compressed, so
 * the process needs no library for it. */
#ifndef WEIR_OBSERVE_GZIP_H
#define WEIR_OBSERVE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Write the bytes to the descriptor as one gzip member. False, and errno: it was not written whole. */
bool gzip_write(int fd, const uint8_t *bytes, size_t length);

#endif
