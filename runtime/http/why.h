/* why: a path from a root to an object, as text; include/weir/path.h is the manual, docs/profile.md shows
 * one. */
#ifndef WEIR_HTTP_WHY_H
#define WEIR_HTTP_WHY_H

#include <stdbool.h>

#include "runtime/base/text.h"

/* Write the path to the object that p points into; NULL: to an object chosen at random. False: the text says
 * why there is no path. */
bool why_write(text_t *text, const void *p);

#endif
