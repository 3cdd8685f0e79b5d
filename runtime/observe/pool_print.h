/* pool_print: prints the pools, as the last part of the account of memory. */
#ifndef WEIR_OBSERVE_POOL_PRINT_H
#define WEIR_OBSERVE_POOL_PRINT_H

#include "runtime/base/text.h"

/* Add every pool that was used: as lines, or as the elements of a JSON array. The text is flushed to `fd`
 * whenever it has no room for one more. */
void pool_print_lines(text_t *text, int fd);
void pool_print_json(text_t *text, int fd);

#endif
