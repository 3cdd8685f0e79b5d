/* trace_record: one record of an execution trace, in the Trace Event Format that Perfetto and Chrome open
 * (Google, "Trace Event Format", 2016).
 *
 *     {"ph":"X","name":"mark","ts":1000.250,"dur":12.000,"pid":7,"tid":7,"args":{"bytes":4096}}
 *
 * Times are microseconds on the monotonic clock. A record is a text of its own, complete after record_end.
 */
#ifndef WEIR_OBSERVE_TRACE_RECORD_H
#define WEIR_OBSERVE_TRACE_RECORD_H

#include <stdint.h>

#include "runtime/base/text.h"

enum { TRACE_RECORD = 400 }; /* room for any record of ours */

/* The track that shows when the world stands; other tracks are threads. */
enum { TRACE_WORLD = 0 };

/* Note the process id that records have: at the beginning of each file, before its first record. Later, a
 * filter of the program may forbid asking for it. */
void record_note_process(void);

/* Phases: X a slice, i an instant, C a counter, M a name. */
void record_begin(text_t *record, char phase, const char *name, uint64_t ns, int thread);
void record_add_duration(text_t *record, uint64_t ns);
void record_add_number(text_t *record, const char *key, uint64_t value);
void record_add_string(text_t *record, const char *key, const char *value);
void record_end(text_t *record);

#endif
