/* vars: the account as Go's expvar has it at /debug/vars. */
#ifndef WEIR_HTTP_VARS_H
#define WEIR_HTTP_VARS_H

#include "runtime/base/text.h"

/* A JSON object with cmdline, memstats (the fields of Go's runtime.MemStats, by Go's names) and weir (all
 * metrics that are numbers, by their names). By one thread at a time. */
void vars_write(text_t *text);

#endif
