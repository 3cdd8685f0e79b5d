/* baseline: proposals against those of an earlier run, so that what makes a program worse is seen. */
#ifndef WEIR_TOOLS_ADVISE_BASELINE_H
#define WEIR_TOOLS_ADVISE_BASELINE_H

#include "tools/weir/advise/proposal.h"

typedef struct baseline_entry {
    char *name; /* of a function that allocates, or of a struct; no line, since lines move */
    bool is_layout;
    uint64_t bytes; /* that could be saved, of all proposals for it */
} baseline_entry_t;

typedef struct baseline {
    baseline_entry_t *of;
    size_t count, room;
} baseline_t;

/* What `weir advise --json` wrote. False: it cannot be read, or is something else; one line has said why. */
bool baseline_read(const char *path, baseline_t *baseline);

/* How many bytes more could be saved now than by the baseline: the sum over the functions and structs that
 * have become worse. Each of these gets a line on stderr. */
uint64_t baseline_excess(const baseline_t *baseline, const profile_t *profile, const proposals_t *proposals);

#endif
