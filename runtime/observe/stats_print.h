/* stats_print: the account as text, for WEIR_DEBUG=stats=1 and stats=json. */
#ifndef WEIR_OBSERVE_STATS_PRINT_H
#define WEIR_OBSERVE_STATS_PRINT_H

#include <stdbool.h>

#include <weir/stats.h>

/* Keep a duplicate of stderr: many programs close stderr in their own exit handlers (all of coreutils do),
 * before the account can be printed. Once, after options_load; does nothing unless stats or leaks were asked
 * of this process. */
void stats_print_prepare(void);
/* The duplicate of stderr, or stderr itself. If WEIR_STATS_FILE names a file that can be opened, the account
 * is appended to that file instead; the report of leaks is not. */
int stats_print_fd(void);
/* Open a file to which processes append their reports in turns: it is locked until the caller closes it.
 * Negative: there is no path, it cannot be opened, or the program's filter (seccomp) forbids it. Then the
 * report goes to stats_print_fd. */
int stats_print_open(const char *path);
/* May a report be written? If the program's filter forbids it, says so in a line. */
bool stats_print_is_permitted(void);

/* Does options.stats ask for the account in this process? */
bool stats_print_is_asked(void);
/* Read the account and print it, if options.stats asks for it in this process. While the program runs, by one
 * thread at a time. */
void stats_print_now(void);

/* The same at exit. */
void stats_print_at_exit(void);

/* Print an account on stderr, or to the file of WEIR_STATS_FILE: an aligned table in human units, or one line
 * of JSON with every field. */
void stats_print(const weir_mem_stats *stats, bool json);

#endif
