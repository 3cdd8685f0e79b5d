/* regexp_size: what it costs the C library to compile a regular expression. */
#ifndef WEIR_BENCHSTAT_REGEXP_SIZE_H
#define WEIR_BENCHSTAT_REGEXP_SIZE_H

#include <stdbool.h>

/* Would regcomp need much memory or time for this extended regular expression? glibc copies what is repeated:
 * "x+" becomes "xx*", "x{9}" nine copies, and repetitions within repetitions multiply. Where what is repeated
 * may match nothing, as in "(a?)+", its time is exponential in the number of such repetitions: each is too
 * costly. "a*" says the same. Any string may be asked about. */
bool regexp_is_too_costly(const char *text);

#endif
