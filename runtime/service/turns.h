/* turns: a thread of the runtime's own that sleeps until a turn is asked for, for instance by a signal that
 * the user sends. The end of the process waits for a turn that is under way, and lets no other begin.
 *
 *     any context         turns_ask
 *     the thread          sleep on `asked`;  turns_begin;  the turn;  turns_end
 *     the end             turns_at_exit
 *
 * A child of fork has no such thread.
 *
 * This folder: what the environment asks of libweir-malloc.so beside malloc: at the program's start and end,
 * by signals, at intervals, by rules for callers.
 */
#ifndef WEIR_SERVICE_TURNS_H
#define WEIR_SERVICE_TURNS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct turns {
    pid_t process;          /* of the thread; 0: there is none. Written by turns_start */
    _Atomic uint32_t asked; /* how often; requests that come before the thread wakes are one turn */
    _Atomic uint32_t busy;  /* 1: a turn is under way, or the process is ending */
} turns_t;

/* Start the thread: detached, with all signals blocked, on a stack of so many bytes, or with 0 of the usual
 * size. If it ends, it calls uncounted_ends (runtime/os/uncounted.h). False: no thread could be created. */
bool turns_start(turns_t *turns, void *(*thread_main)(void *unused), size_t stack);

/* Async-signal-safe; keeps errno. */
void turns_ask(turns_t *turns);

/* Called by the thread. False: the process is ending, and the thread has to return. */
bool turns_begin(turns_t *turns);
void turns_end(turns_t *turns);

/* Does the program leave the signal to its default? */
bool turns_signal_is_free(int64_t number);
/* False: the kernel refused. */
bool turns_take_signal(int64_t number, void (*handler)(int number));

/* When the process ends: wait for a turn that is under way; the thread's next turns_begin returns false. */
void turns_at_exit(turns_t *turns);

#endif
