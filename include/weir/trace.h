/* weir/trace.h: the execution trace: what the runtime does, and when.
 *
 * The trace has cycles, collections and their phases, what is given back to the kernel, how much memory is
 * held and how much is resident. It is a file in the Trace Event Format, which https://ui.perfetto.dev opens.
 * A program that runs on libweir-malloc.so with WEIR_TRACE=FILE is traced from its start to its end; these
 * functions trace a part of the run. docs/trace.md has an example.
 *
 * Any thread may call these functions, except from signal handlers. Neither allocates from the heap. There is
 * only one trace at a time.
 */
#ifndef WEIR_TRACE_H
#define WEIR_TRACE_H

#include <stdbool.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* Begin a trace. The file is emptied first; %p in the path stands for the process id. False: no trace begins,
 * and errno says why: EBUSY, there is a trace already; ENOMEM, there are too many listeners to events; or the
 * errno of open, with a line on stderr. The file can be read while the trace goes on: it is complete up to
 * some 10 ms before the present. */
WEIR_API bool weir_trace_begin(const char *path) WEIR_NOEXCEPT;

/* End the trace: write the rest and close the file. False, and errno says why: EINVAL, there is no trace; or
 * the errno of write. */
WEIR_API bool weir_trace_end(void) WEIR_NOEXCEPT;

WEIR_API_END

#endif
