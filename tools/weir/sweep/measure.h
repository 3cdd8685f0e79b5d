/* measure: one run of a program: how long it took and how much memory it had.
 *
 * Time, processor time and the peak are the kernel's own figures for the process that ended (wait4), which
 * are those that time(1) prints. The average is the resident memory of the command's largest process, looked
 * at in /proc every 1 to 50 ms and weighed by time; of a run that was too short for that it is the peak. What
 * the runtime knows itself comes from the account that each process writes at its end (WEIR_STATS_FILE).
 */
#ifndef WEIR_TOOLS_SWEEP_MEASURE_H
#define WEIR_TOOLS_SWEEP_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/weir/sweep/setting.h"

typedef struct run {
    int status;           /* as wait has it */
    int error;            /* the program could not be executed: errno */
    double wall, cpu;     /* seconds; cpu: user and system, of all processes that it waited for */
    uint64_t peak;        /* bytes, of its largest process */
    uint64_t average;     /* bytes, over time */
    unsigned left;        /* processes that it left behind; they were ended */
    unsigned accounts;    /* processes that wrote one; the next three are their sum, or the largest */
    uint64_t cycles;      /* collections */
    uint64_t stop_ns;     /* the longest stop */
    uint64_t released;    /* bytes given back to the kernel */
    char last_words[160]; /* the last line on stderr */
} run_t;

typedef struct sweep_measure {
    const struct command *command;               /* in whose name failures are said */
    char **program;                              /* the command line, ending with NULL */
    bool collect;                                /* WEIR_COLLECT=1 for weir's settings */
    bool keeps_stdout;                           /* else it goes to /dev/null, in every run */
    void (*tick)(void *context, double elapsed); /* called now and then while the program runs; may be NULL */
    void *context;
} sweep_measure_t;

/* Once, before the first run: from then on SIGINT, SIGTERM and SIGHUP end the program that is running, and
 * weir after it. */
void measure_prepare(void);
/* The signal that ended the measuring; 0: none came. */
int measure_interrupted(void);

/* False, after a line on stderr, if nothing could be started. */
bool measure_run(const sweep_measure_t *measure, const setting_t *setting, run_t *run);

/* Did the program do what it should? */
bool run_is_good(const run_t *run);

#endif
