/* piece: a part of a string, for parsers that copy nothing. */
#ifndef WEIR_BASE_PIECE_H
#define WEIR_BASE_PIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A piece of a string, which it does not own. */
struct piece {
    const char *start;
    size_t length;
};

static inline struct piece piece_of(const char *string)
{
    return (struct piece){string, strlen(string)};
}

static inline bool piece_is(struct piece piece, const char *string)
{
    return strlen(string) == piece.length && memcmp(piece.start, string, piece.length) == 0;
}

/* Remove the part before the first separator, or all if there is none, from `rest`, and return it. The
 * separator is dropped. */
static inline struct piece piece_cut(struct piece *rest, char separator)
{
    const char *found = memchr(rest->start, separator, rest->length);
    struct piece head = {rest->start, found != NULL ? (size_t)(found - rest->start) : rest->length};
    size_t taken = head.length + (found != NULL);
    *rest = (struct piece){rest->start + taken, rest->length - taken};
    return head;
}

#endif
