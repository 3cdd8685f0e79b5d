/* print: tables as text or as comma-separated values, as benchstat prints them. */
#ifndef WEIR_TOOLS_BENCHSTAT_PRINT_H
#define WEIR_TOOLS_BENCHSTAT_PRINT_H

#include <stdbool.h>
#include <stdio.h>

#include "tools/weir/benchstat/results.h"
#include "tools/weir/benchstat/table.h"

/* Every table of the results, which have to be sorted. */
void print_tables(const struct results *results, struct levels levels, bool csv, FILE *file);

#endif
