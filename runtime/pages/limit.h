/* limit: the soft and the hard limit, and when a cycle of the clock is due.
 *
 *     held = inuse + idle + slack + the runtime's own tables          (bytes that may be resident)
 *
 * Before memory is taken that would bring what is held over the lower of the two limits, idle memory is released
 * (idle.h). If that is not enough, the soft limit lets it pass, and a cycle is due; the hard limit refuses it: the
 * program's callback is asked for room, and the request is tried once more.
 *
 * All of this is under the pages' lock, unless it says otherwise. */
#ifndef WEIR_PAGES_LIMIT_H
#define WEIR_PAGES_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May `fresh` more bytes become resident? Releases idle memory for the limits' sake. */
bool limit_admit(size_t fresh);
/* Would the hard limit refuse this many more bytes? Counts it, if a cycle cannot help. */
bool limit_refuses(size_t bytes);
/* The hard limit refuses `wanted` bytes: ask the program. Called without the lock. True: it may have made room. */
bool limit_ask_program(size_t wanted);

/* Memory was taken; less is in use than before. */
void limit_taken(void);
void limit_fell(void);

/* The knobs. */
void limit_set(int64_t soft, int64_t hard);
void limit_set_gc_percent(int64_t percent);
void limit_set_callback(void (*callback)(void *context, size_t wanted), void *context);

/* A cycle has ended, or its first listener has come: measure growth from here. */
void limit_restart_growth(void);

/* Is there one? Has it room for so many bytes? */
bool limit_is_set(void);
bool limit_has_room(size_t bytes);
/* Was memory taken beyond the soft limit although nothing idle was left? Without the lock. */
bool limit_is_pressed(void);

#endif
