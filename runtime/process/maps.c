/* maps: see maps.h. The format: Linux, Documentation/filesystems/proc.rst. */
#include "runtime/process/maps.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"

bool maps_open(maps_t *maps, char *piece, size_t size)
{
    *maps = (maps_t){.piece = piece, .size = size};
    if (!filter_permits(FILTER_PROC))
        return false;
    maps->fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
    return maps->fd >= 0;
}

void maps_close(maps_t *maps)
{
    syscall(SYS_close, maps->fd);
}

/* pread, not read: a signal handler may fork, and the child that goes on here shares the position of the open
 * file. */
static int next_byte(maps_t *maps)
{
    if (maps->at == maps->length) {
        long got = syscall(SYS_pread64, maps->fd, maps->piece, maps->size, maps->position);
        if (got <= 0)
            return -1;
        maps->at = 0;
        maps->length = (size_t)got;
        maps->position += (size_t)got;
    }
    return (unsigned char)maps->piece[maps->at++];
}

/* Read a number and the character that ends it: a '-' or a blank. */
static uint64_t next_hex(maps_t *maps)
{
    uint64_t number = 0;
    for (int c; (c = next_byte(maps)) >= 0;) {
        if (c >= '0' && c <= '9')
            number = number << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number << 4 | (uint64_t)(c - 'a' + 10);
        else
            break;
    }
    return number;
}

/* Skip the rest of the word and the blanks that follow. Returns the first character of the next word. */
static int skip_word(maps_t *maps)
{
    int c = next_byte(maps);
    while (c > ' ')
        c = next_byte(maps);
    while (c == ' ')
        c = next_byte(maps);
    return c;
}

static unsigned next_access(maps_t *maps)
{
    static const char letters[] = "rwxp"; /* in the order of the bits */
    unsigned may = 0;
    for (unsigned i = 0; i < 4; i++)
        may |= next_byte(maps) == letters[i] ? 1u << i : 0;
    return may;
}

bool maps_next(maps_t *maps, maps_line_t *line, char *name, size_t room)
{
    line->from = (uintptr_t)next_hex(maps);
    line->to = (uintptr_t)next_hex(maps);
    line->may = next_access(maps);
    next_byte(maps);
    line->offset = next_hex(maps);
    skip_word(maps); /* the device */
    int c = skip_word(maps);
    for (line->length = 0; c >= 0 && c != '\n'; c = next_byte(maps))
        if (line->length < room)
            name[line->length++] = (char)c;
    return c >= 0;
}
