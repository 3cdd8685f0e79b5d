/* limit: the soft and the hard limit, and what triggers a cycle.
 *
 *     held = touched pages of slots + huge objects + the runtime's own tables     (bytes that may be
 *                                                                                 resident)
 *
 * A small span is charged page by page as its cells are first used; what the program gets in one piece is
 * charged whole, since it may be written without a further call. Before memory is taken that would bring what
 * is held over the lower of the two limits, idle memory is released (idle.h), then slack (slack.h). If that
 * is not enough, the soft limit lets the request pass, and a cycle for the limit is requested. The next cycle
 * is triggered only by a growth by max(limit, total) / 64: otherwise a heap whose live bytes exceed the limit
 * would run one cycle after another. The hard limit refuses the request: a cycle is requested, after which
 * the heap tries again (heap.c). If that is refused as well, the program's callback is asked for room, and
 * the request is tried for the last time.
 *
 * The soft limit counts the memory of the whole process, unless its scope says otherwise: what is not the
 * runtime's reduces the room.
 *
 *     room  = soft - foreign     foreign: foreign.h, read every few milliseconds (process/resident.h)
 *     total = held + foreign     what triggers the next cycle for the limit
 *
 * A limit that was given as a share of the available memory follows changes of that (process/memory_size.h).
 *
 * All of this is under the pages' lock, unless it says otherwise. */
#ifndef WEIR_PAGES_LIMIT_H
#define WEIR_PAGES_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* May `fresh` more bytes become resident? Releases idle memory if that is needed, and gives the lock up
 * meanwhile: see purge_to. */
bool limit_admit(size_t fresh);
/* See pages_excess, pages_watch_pressure and those beside it. */
size_t limit_excess(bool with_room);
bool limit_would_refuse(void);
void limit_watch_pressure(int percent, void (*callback)(void *context, size_t inuse, size_t limit),
                          void *context);
struct pages_pressure limit_tell_pressure(void);
/* Would the hard limit refuse this many more bytes? If so, it requests a cycle; or it counts the refusal, if
 * the calling thread has just run a cycle for the same request or nobody runs cycles. */
bool limit_refuses(size_t bytes);
/* The hard limit refuses `wanted` bytes after a cycle: ask the program. Called without the lock. True: it may
 * have made room. */
bool limit_ask_program(size_t wanted);

/* Called while memory is held beyond the limit, without the lock: free cells of `bytes` bytes went to a
 * thread. After max(limit, total) / 16 in such bytes a cycle is requested: the last one did not help, but the
 * program may have freed memory since. */
void limit_note_refill(size_t bytes);

/* Less is in use than before. */
void limit_fell(void);

/* The calling thread begins to repeat a refused request after a cycle; the repeated request has been granted
 * or refused. Both are called without the lock. */
void limit_retry_begins(void);
void limit_retry_ends(void);

/* The knobs. limit_follow makes a limit a share of the available memory, in percent, which it follows from
 * then on. limit_set ends that. */
enum limit_kind { LIMIT_SOFT, LIMIT_HARD, LIMITS };
void limit_set(enum limit_kind kind, int64_t bytes);
void limit_follow(enum limit_kind kind, unsigned percent);
/* Does the soft limit count all of the process, or what the runtime holds? */
bool limit_set_scope(bool is_process); /* returns the old scope */
void limit_set_gc_percent(int64_t percent);
void limit_set_callback(void (*callback)(void *context, size_t wanted), void *context);

/* From now on a subscriber runs the cycles that are requested for the limit. */
void limit_subscribe(void);
/* A cycle has ended: the next one for the limit is triggered by a growth from here. */
void limit_restart(void);
/* A cycle has ended, or the first listener of growth has come: measure growth from here. */
void limit_restart_growth(void);

/* The limit as it was set, or as it follows the available memory; INT64_MAX: none. Called without the
 * lock. */
int64_t limit_bytes(enum limit_kind kind);
/* The soft limit, less what is foreign. Called without the lock. */
int64_t limit_room(void);
/* `bytes` have been admitted or allocated: is it time for a reading? Called without the lock. */
bool limit_wants_look(size_t bytes);
/* Take a reading: of the available memory, and of the process. */
void limit_look(void);
/* Take a reading and return what it found about the process; zeros if no limit needs readings. */
typedef struct limit_process {
    size_t resident, foreign; /* bytes */
} limit_process_t;
limit_process_t limit_read_process(void);
/* Called in the child of a fork. */
void limit_after_fork_child(void);

/* Is there any limit? Can `bytes` more be held within the limits? */
bool limit_is_set(void);
bool limit_has_room(size_t bytes);

#endif
