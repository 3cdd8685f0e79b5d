/* control: the knobs. All may be turned from any thread and act at once.
 *
 * This folder: the knobs, and what depends on them: what is shed when memory is short, which account a thread
 * is in, what is counted.
 */
#ifndef WEIR_CONTROL_CONTROL_H
#define WEIR_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called once, after options_load: set the knobs as the environment asks. */
void control_init(void);

/* In percent; negative: off. Returns the old value, -1 for off. */
int control_set_gc_percent(int percent);
/* Bytes; negative: change nothing; INT64_MAX: no limit. Returns the old limit. */
int64_t control_set_memory_limit(int64_t bytes);
int64_t control_set_hard_limit(int64_t bytes);
/* Whether the soft limit counts all memory of the process. Returns the old scope. */
bool control_set_limit_scope(bool is_process);
void control_set_hard_limit_callback(void (*callback)(void *context, size_t wanted), void *context);
/* percent: of the limit. */
void control_set_pressure_callback(int percent, void (*callback)(void *context, size_t inuse, size_t limit),
                                   void *context);
/* weir_thread_idle (the calling thread is about to wait) and weir_tick: see weir/control.h. */
void control_thread_idle(void);
void control_tick(void);
/* Release all that is idle to the kernel. */
void control_free_os_memory(void);

/* When the runtime began, on the monotonic clock. */
uint64_t control_started_ns(void);
int64_t control_memory_limit(void);
int64_t control_hard_limit(void);

#endif
