/* options: the part of the command line that `weir sweep` and `weir tune` share. */
#ifndef WEIR_TOOLS_SWEEP_OPTIONS_H
#define WEIR_TOOLS_SWEEP_OPTIONS_H

#include "tools/weir/sweep/study.h"

enum options_taken { OPTIONS_NOT_MINE, OPTIONS_TAKEN, OPTIONS_REFUSED };

/* Take arguments[*at] if it is an option of the command alone, and move *at on to its value. */
typedef enum options_taken options_take(void *context, char **arguments, int *at);

/* Take all options, into the study and by `take`; what follows them is the program. 0, or the exit status
 * after a line on stderr. */
int options_take_all(study_t *study, int count, char **arguments, options_take *take, void *context);

#endif
