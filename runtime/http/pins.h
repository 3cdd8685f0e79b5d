/* pins: which blocks hold memory that would otherwise go back to the kernel, as a table by block size;
 * docs/profile.md explains it. */
#ifndef WEIR_HTTP_PINS_H
#define WEIR_HTTP_PINS_H

#include "runtime/base/text.h"

/* By one thread at a time. */
void pins_write(text_t *text);

#endif
