/* table: one table of `weir benchstat`, computed: one tuple of -table and one unit; by default benchmarks
 * down, files across, one configuration. */
#ifndef WEIR_TOOLS_BENCHSTAT_TABLE_H
#define WEIR_TOOLS_BENCHSTAT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/weir/benchstat/results.h"

enum { WARNING_SIZE = 160, RANGE_SIZE = 32, DELTA_SIZE = 48, TEST_SIZE = 64 };

struct levels {
    double confidence; /* of the interval around a median */
    double alpha;      /* a difference is reported if its p is at most this */
};

/* What stands in one place of the table. */
struct entry {
    bool present, compared; /* compared with the entry in the first column of the row */
    size_t column;
    double center;
    char range[RANGE_SIZE]; /* of the interval, in percent of the centre: "3%", or "∞" or "?" */
    char delta[DELTA_SIZE]; /* "+5.00%", "~" or "?" */
    char test[TEST_SIZE];   /* "p=0.002 n=10" */
    char variance_warning[WARNING_SIZE], center_warning[WARNING_SIZE],
        test_warning[WARNING_SIZE]; /* empty: none */
};

/* The last row: over all of a column. */
struct column_summary {
    bool has_mean, has_ratio;
    double mean, ratio; /* geometric; the ratio to the first file, of the rows that both have */
    char warnings[3][WARNING_SIZE];
    size_t warning_count;
};

struct table {
    size_t tuple; /* of the projection of tables */
    const char *unit;
    size_t row_count, column_count, level_count;
    char **rows;           /* their labels */
    const char ***heads;   /* by level and column */
    size_t *column_of;     /* by tuple of the projection of columns */
    struct entry *entries; /* row by row: those that are present; a table of many columns is mostly empty */
    size_t *first;         /* by row, and one more: of `entries` */
    struct column_summary *summaries; /* one a column */
};

/* The table whose first cell is *next. *next becomes the first cell behind it. */
struct table *table_new(const struct results *results, size_t *next, struct levels levels);

/* Its `present` is false where the table has none. */
const struct entry *table_entry(const struct table *table, size_t row, size_t column);

#endif
