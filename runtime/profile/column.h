/* column: an array in the runtime's own memory. Addresses are reserved for its largest size, and committed as
 * it grows, so its contents never move. Its users hold a lock. */
#ifndef WEIR_PROFILE_COLUMN_H
#define WEIR_PROFILE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

typedef struct heap_column {
    char *start; /* NULL: not reserved yet */
    size_t committed, reserved;
} heap_column_t;

/* False: there are no addresses. */
bool column_reserve(heap_column_t *column, size_t bytes);

/* Room for the first `bytes` bytes; new ones are zero. False: there is no memory, or so many are not
 * reserved. */
bool column_extend(heap_column_t *column, size_t bytes);

/* Bytes of all columns. They count in page_stats.metadata, too. */
size_t column_bytes(void);

#endif
