/* stop_by: by which of the two stop signals (stop/signal.h) a thread is stopped, so that the program can use
 * both of them itself.
 *
 * Each thread is stopped by one of them, and that one is not blocked. Where the program blocks the one alone,
 * or waits for it alone, the thread is stopped by the other from then on, and the kernel does what the
 * program wants. Where it blocks both, one is hidden: the program believes it blocked. If somebody sends the
 * hidden one, the two change places, and the signal is sent again: now it is blocked, and pending.
 *
 *     the program blocks     neither        SIGURG      SIGWINCH    both
 *     the thread is stopped  as before      SIGWINCH    SIGURG      the hidden one, first SIGURG
 *     the kernel blocks      neither        SIGURG      SIGWINCH    the other one
 *
 * A mask that does not come through these functions (siglongjmp, a coroutine's) may block the thread's
 * signal. The stopper finds that after a moment, and takes the other one.
 *
 * Sets are as the kernel has them: signal 1 is bit 0. All of this may be called in signal handlers; errno is
 * kept. In a child of vfork none of it applies, and in a thread without a heap, which is not stopped, sets
 * stay as they are.
 */
#ifndef WEIR_THREADS_STOP_BY_H
#define WEIR_THREADS_STOP_BY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* The mask in which the calling thread hides a signal, for a thread that it starts; 0: it hides none. The
 * thread takes it before it gets its heap. */
uint64_t stop_by_bequeath(void);
void stop_by_inherit(uint64_t mask);
/* The calling thread gets this heap: its mask decides. */
void stop_by_begin(heap_t *heap);
/* Can the calling thread be stopped? */
bool stop_by_is_heeded(void);
/* What is hidden from the program in the calling thread, which blocks `blocked`; 0: nothing. */
int stop_by_hidden(uint64_t blocked);

/* The program wants the calling thread to block a set: what the thread blocks instead. A stop that is under
 * way is over on return, if it may be waited for. */
uint64_t stop_by_block(uint64_t wanted);
/* The same for the time of one call, around which the thread's state is saved and restored. */
typedef struct stop_by {
    int signal; /* 0: nothing was saved */
    bool hides;
} stop_by_t;
stop_by_t stop_by_block_begin(uint64_t *wanted);
void stop_by_block_end(stop_by_t before);
/* The calling thread has waited for a signal and got this one. True: it was sent to stop the thread, and the
 * stop is over. */
bool stop_by_took(const siginfo_t *info);
/* The program uses these signals. If one of the two is among them, threads are stopped by the other one where
 * that can be: of two of one kind that are pending for a thread, the kernel drops one. */
void stop_by_use(uint64_t alone);
/* The program is about to read a set of signals from a descriptor: what it can read. */
uint64_t stop_by_read(uint64_t wanted);
/* What a handler's mask is to be: it may run on any thread. */
uint64_t stop_by_handler_mask(uint64_t wanted);

/* The calling thread blocks all signals for the runtime's own sake. Open the one that stops it, hidden from
 * the program. The result is for stop_by_unhide, before the mask becomes what it was. */
bool stop_by_hide(void);
void stop_by_unhide(bool before);

#endif
