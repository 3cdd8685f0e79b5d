/* signal: a word to sleep on, and the signal that stops a thread. All of this may be called in signal handlers;
 * errno is kept. */
#ifndef WEIR_OS_SIGNAL_H
#define WEIR_OS_SIGNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sleep while the word has the value; may return early. */
void os_futex_wait(_Atomic uint32_t *word, uint32_t value);
/* False: the time is up. */
bool os_futex_wait_for(_Atomic uint32_t *word, uint32_t value, uint64_t ns);
void os_futex_wake(_Atomic uint32_t *word);
void os_futex_wake_all(_Atomic uint32_t *word);

/* The handler for the stop signal, the same each time. It runs on the stack of the thread. */
void os_on_stop_signal(void (*handler)(void));
/* False: there is no such thread. */
bool os_signal_thread(int thread);
int os_thread_id(void);

/* Where the calling thread's stack ends; of all threads but the first that includes its thread-local memory. */
uintptr_t os_stack_end(void);
/* Bytes above the thread pointer that belong to the C library's record of a thread. */
enum { OS_THREAD_RECORD = 2304 };

#endif
