/* table: one table of `weir benchstat`, computed: benchmarks down, files across, one unit and configuration. */
#ifndef WEIR_TOOLS_BENCHSTAT_TABLE_H
#define WEIR_TOOLS_BENCHSTAT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/weir/benchstat/results.h"

enum { WARNING_SIZE = 160, RANGE_SIZE = 32, DELTA_SIZE = 48, TEST_SIZE = 64 };

struct levels {
    double confidence; /* of the interval around a median */
    double alpha;      /* a difference with a lower p is called one */
};

/* What stands in one place of the table. */
struct entry {
    bool present, compared; /* compared with the first file's entry of the row */
    double center;
    char range[RANGE_SIZE]; /* of the interval, in percent of the centre: "3%", or "∞" or "?" */
    char delta[DELTA_SIZE]; /* "+5.00%", "~" or "?" */
    char test[TEST_SIZE];   /* "p=0.002 n=10" */
    char center_warning[WARNING_SIZE], test_warning[WARNING_SIZE]; /* empty: none */
};

/* The last row: over all of a column. */
struct summary {
    bool has_mean, has_ratio;
    double mean, ratio; /* geometric; the ratio to the first file, of the rows that both have */
    char warnings[3][WARNING_SIZE];
    size_t warning_count;
};

struct table {
    const char *unit;
    size_t row_count, column_count;
    const char **rows, **columns; /* names of benchmarks and labels of files */
    struct entry *entries;        /* row by row */
    struct summary *summaries;    /* one a column */
};

/* NULL if the results have nothing of this configuration and unit. */
struct table *table_new(const struct results *results, size_t config, size_t unit, struct levels levels);

static inline const struct entry *table_entry(const struct table *table, size_t row, size_t column)
{
    return &table->entries[row * table->column_count + column];
}

#endif
