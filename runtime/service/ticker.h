/* ticker: a thread of the runtime's own that wakes at intervals. It is started at the program's start, if one
 * of these is asked for, and otherwise never:
 *
 *     WEIR_BACKGROUND=1         every 100 ms: what weir_tick does, for a program that has stopped allocating
 *     WEIR_DEBUG=statsevery=N   every N seconds: the account is printed (with stats=1 or stats=json)
 *     WEIR_DEBUG=statssignal=N     at the signal N: likewise
 *
 * It blocks all signals. A child of fork has no such thread, and the signal does nothing there. */
#ifndef WEIR_SERVICE_TICKER_H
#define WEIR_SERVICE_TICKER_H

/* After stats_print_prepare. */
void ticker_prepare(void);
/* When the process ends: wait for a turn that is under way, and let no other begin. */
void ticker_at_exit(void);

#endif
