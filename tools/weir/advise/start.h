/* start: runs the program that is to be advised on, with a heap profile that says which frames its blocks
 * outlive. */
#ifndef WEIR_TOOLS_ADVISE_START_H
#define WEIR_TOOLS_ADVISE_START_H

#include <stdbool.h>

#include "tools/weir/command.h"

typedef struct start {
    const char *rate; /* bytes from sample to sample; NULL: the runtime's own */
    bool is_exact;    /* show progress */
    bool to_stderr;   /* what the program writes to stdout goes to stderr */
    char folder[64];  /* where its profile is; start_end removes it */
    char profile[96];
} start_t;

/* Run it and wait. 0: there is a profile; else the exit status, and one line has said why. If the program
 * itself fails, a line says that. */
int start_run(const struct command *command, start_t *start, char **program);
void start_end(const start_t *start);

#endif
