/* picture: memory against time, drawn by gnuplot. */
#ifndef WEIR_TOOLS_SWEEP_PICTURE_H
#define WEIR_TOOLS_SWEEP_PICTURE_H

#include <stdbool.h>

#include "tools/weir/sweep/study.h"

/* Write NAME.svg and NAME.png. False if there is nothing to draw, or, after a line on stderr, if that
 * failed. */
bool picture_draw(const study_t *study, const char *name);

#endif
