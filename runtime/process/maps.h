/* maps: the reader of /proc/<pid>/maps: one line at a time, without an allocation or a lock.
 *
 *     7f0000000000-7f0000021000 r-xp 00001000 08:01 12345      /usr/lib/libz.so.1
 *     from         to           may  offset   device inode     name
 *
 * The reader takes the file a piece at a time, into memory of the caller; a line may lie in two pieces.
 */
#ifndef WEIR_PROCESS_MAPS_H
#define WEIR_PROCESS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAPS_MAY_READ = 1, MAPS_MAY_WRITE = 2, MAPS_MAY_EXECUTE = 4, MAPS_PRIVATE = 8 };

typedef struct maps_line {
    uintptr_t from, to;
    uint64_t offset; /* in the file */
    unsigned may;    /* MAPS_MAY_READ and its like */
    size_t length;   /* of the name, as far as there was room for it */
} maps_line_t;

typedef struct maps {
    int fd;
    char *piece;
    size_t size, at, length; /* of the piece: its size, the next byte to read, the bytes read */
    size_t position;         /* in the file: where the piece ends */
} maps_t;

/* Open /proc/thread-self/maps: /proc/self/maps is empty once the first thread has ended. `piece` is in use
 * until maps_close. False: it cannot be opened. */
bool maps_open(maps_t *maps, char *piece, size_t size);
void maps_close(maps_t *maps);

/* The next line; its name goes to `name`, cut to `room` bytes and not terminated. False: there is none. */
bool maps_next(maps_t *maps, maps_line_t *line, char *name, size_t room);

#endif
