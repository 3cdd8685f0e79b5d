/* weir/trace.h: the execution trace: what the runtime does, and when.
 *
 * Cycles, collections and their phases, what is given back to the kernel, how much is held and how much is
 * resident: a file in the Trace Event Format, which https://ui.perfetto.dev opens. A program that runs on
 * libweir-malloc.so with WEIR_TRACE=FILE is traced from its start to its end; these functions trace a part.
 * docs/trace.md has an example.
 *
 * Any thread may call these, outside of signal handlers. Neither allocates from the heap. There is one trace
 * at a time.
 */
#ifndef WEIR_TRACE_H
#define WEIR_TRACE_H

#include <stdbool.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* Begin a trace to the file, which is emptied; %p in the path stands for the process. False, and errno says
 * why: EBUSY, there is a trace; ENOMEM, too many listen to events; or what open says, with a line on stderr.
 * At any moment from here on the file can be
 * read: what is in it is complete up to some 10 ms before. */
WEIR_API bool weir_trace_begin(const char *path) WEIR_NOEXCEPT;

/* Write what there is and close the file. False, and errno says why: EINVAL, there is no trace; or what write
 * says. */
WEIR_API bool weir_trace_end(void) WEIR_NOEXCEPT;

WEIR_API_END

#endif
