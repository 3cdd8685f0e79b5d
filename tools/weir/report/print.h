/* print: a graph as text: the table, who calls a function and whom it calls, the tree of calls, the
 * lifetimes. */
#ifndef WEIR_TOOLS_REPORT_PRINT_H
#define WEIR_TOOLS_REPORT_PRINT_H

#include "tools/weir/report/graph.h"

/* The `most` largest functions. */
void report_top(const graph_t *graph, size_t most, bool by_cum);
/* Callers and callees of each function whose name contains this. False: there is none. */
bool report_peek(const graph_t *graph, const char *part);
/* Calls of less than a hundredth of the whole are left out. */
void report_tree(const graph_t *graph);
/* How long the blocks of each function lived, and how much was allocated meanwhile; for a graph of
 * alloc_space or alloc_objects. */
void report_lifetimes(const graph_t *graph, size_t most);
/* By the pools, arenas and budgets that have names. */
void report_owners(const graph_t *graph, size_t most);

/* A value in its unit: "12.5 MiB", "1234". The buffer is the caller's, of 32 bytes. */
const char *report_value(enum profile_value kind, int64_t value, char *room);

#endif
