/* flame: a graph as a flame graph: one SVG file that needs nothing else, and can be clicked (Gregg, "The
 * flame graph", 2016). */
#ifndef WEIR_TOOLS_REPORT_FLAME_H
#define WEIR_TOOLS_REPORT_FLAME_H

#include <stdio.h>

#include "tools/weir/report/graph.h"

/* title: what the picture is of. False: it could not be written. */
bool flame_write(const graph_t *graph, const char *title, FILE *to);

#endif
