/* trace_file: the file that an execution trace is written to; see trace.h for how.
 *
 * One at a time. A descriptor of ours lies at LEAST_DESCRIPTOR or above, so that the program's own numbers
 * stay as they are; a program that closes all descriptors closes it, and may have the number for a file of
 * its own: before each write the descriptor is asked whether it still is this file.
 */
#ifndef WEIR_OBSERVE_TRACE_FILE_H
#define WEIR_OBSERVE_TRACE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/text.h"

/* Begin the file; first() adds what comes first, also to the file that a child of fork begins when it has
 * something to write. False and errno: EBUSY, one is open; or what open says, which is also reported on
 * stderr. A file that another process is writing a trace to is left alone: this process's number goes behind
 * the name. */
bool trace_file_open(const char *path, void (*first)(void));
bool trace_file_is_open(void);

/* Any thread, with any lock; not while the world stands. Never waits for the file. */
void trace_file_add(const text_t *record);

/* Write what was added, if it was long ago that something was written or `now`. Any thread, without a
 * lock. */
void trace_file_flush(uint64_t ns, bool now);

/* Write the rest, the number of dropped records and the bracket. False and errno if that failed. */
bool trace_file_close(void);

#endif
