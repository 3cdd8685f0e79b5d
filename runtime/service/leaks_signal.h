/* leaks_signal: WEIR_DEBUG=leaksignal=N: the signal N asks a running process for a report of its leaks.
 *
 * The handler only wakes a thread, which looks and prints: the signal may come in the middle of an
 * allocation. The thread lives in the process that the library was loaded into, not in children of fork,
 * which report their leaks at exit. If the program handles the signal itself, the signal remains the
 * program's.
 */
#ifndef WEIR_SERVICE_LEAKS_SIGNAL_H
#define WEIR_SERVICE_LEAKS_SIGNAL_H

/* When the program begins. `print` prints a report. */
void leaks_signal_prepare(void (*print)(void));
/* At exit: no report is under way afterwards, and none will be. */
void leaks_signal_end(void);

#endif
