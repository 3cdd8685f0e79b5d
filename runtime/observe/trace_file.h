/* trace_file: the file that an execution trace is written to; see trace.h for how.
 *
 * One file at a time. Its descriptor is at LEAST_DESCRIPTOR or above, so that the numbers of the program's
 * own descriptors do not change. A program that closes all descriptors closes it too, and may then get its
 * number for a file of its own: so before each write it is checked that the descriptor still is this file.
 */
#ifndef WEIR_OBSERVE_TRACE_FILE_H
#define WEIR_OBSERVE_TRACE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/text.h"

/* Begin the file; first() adds what comes first, also to the file that a child of fork begins when it has
 * something to write. False and errno: EBUSY, one is open; or the error of open, which is also reported on
 * stderr. If another process is writing a trace to that file, it is left alone, and this process's id is
 * appended to the name. */
bool trace_file_open(const char *path, void (*first)(void));
bool trace_file_is_open(void);

/* Called by any thread, whatever locks it holds, but not while the world stands. Never waits for the file. */
void trace_file_add(const text_t *record);

/* Write what was added if `now`, if it is much, or if the last write was long ago. Called by any thread that
 * holds no lock. */
void trace_file_flush(uint64_t ns, bool now);

/* Write the rest, the number of dropped records and the bracket. False and errno if that failed. */
bool trace_file_close(void);

#endif
