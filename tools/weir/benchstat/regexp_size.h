/* regexp_size: how large a regular expression becomes when the C library compiles it. */
#ifndef WEIR_BENCHSTAT_REGEXP_SIZE_H
#define WEIR_BENCHSTAT_REGEXP_SIZE_H

#include <stdbool.h>

/* Would regcomp need much memory for this extended regular expression? glibc copies what is repeated: "x+"
 * becomes "xx*", "x{9}" nine copies, and repetitions within repetitions multiply. Any string may be asked
 * about. */
bool regexp_is_too_large(const char *text);

#endif
