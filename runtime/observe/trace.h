/* trace: what the runtime did, and when, as a file that Perfetto opens: WEIR_TRACE=FILE, weir_trace_begin
 * (docs/trace.md).
 *
 * A listener of the runtime's events makes a record of each (trace_record.h). Records are collected in memory
 * and written outside of stops and of the runtime's locks:
 *
 *     event --> record --> | buffer being filled |  swap  | buffer being written | --> write --> file
 *
 * The file is a JSON array that lacks its closing bracket until the trace ends. Each record begins with the
 * comma, so at any moment, even after SIGKILL, only the bracket is missing, which readers of this format do
 * not need. When both buffers are full, or the file has reached WEIR_TRACE_SIZE, records are dropped and
 * counted; the last record has the count.
 */
#ifndef WEIR_OBSERVE_TRACE_H
#define WEIR_OBSERVE_TRACE_H

#include <stdbool.h>

/* Begin what WEIR_TRACE asks for. Once, after options_load. */
void trace_prepare(void);

void trace_at_exit(void);

/* Begin a trace to the file, which is emptied; patterns as in file_name.h. False, and errno: EBUSY, a trace
 * is under way; or the error of open. */
bool trace_begin(const char *path);
/* Write what there is and close the file. False, and errno: it could not be written; EINVAL, there is no
 * trace. */
bool trace_end(void);

#endif
