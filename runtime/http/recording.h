/* recording: an execution trace of some seconds (weir/trace.h), for GET /debug/trace. One at a time. */
#ifndef WEIR_HTTP_RECORDING_H
#define WEIR_HTTP_RECORDING_H

#include <stdbool.h>

/* Begin to trace into memory, and call done(context) in another thread after so many seconds, when the trace
 * is complete. False, and errno: EBUSY, there is a trace already; or the error of what failed. */
bool recording_start(unsigned seconds, void (*done)(void *context), void *context);

/* After done was called: the file of the trace, which is the caller's from then on; another may be
 * started. */
int recording_take(void);

#endif
