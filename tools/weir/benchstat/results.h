/* results: benchmark files, read, filtered and put into cells. A cell is one tuple of each of the projections
 * -table, -row and -col, and one unit; the cells in order make the tables. Nothing is freed: the command
 * ends.
 */
#ifndef WEIR_TOOLS_BENCHSTAT_RESULTS_H
#define WEIR_TOOLS_BENCHSTAT_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tools/weir/benchstat/filter.h"
#include "tools/weir/benchstat/projection.h"

struct cell {
    size_t table, unit, row, column; /* tuples of the projections; index of the unit */
    double *values;                  /* sorted once reading is done */
    size_t count;
    size_t residue; /* tuple of the first value */
    bool *varies;   /* by place: another value's tuple differs in that field; NULL: in none */
    size_t places;  /* of `varies` */
};

struct unit_info {
    char *unit;  /* in base units */
    char *key;   /* such as "assume" */
    char *value; /* such as "exact" */
};

enum axis { AXIS_TABLE, AXIS_ROW, AXIS_COLUMN, AXIS_IGNORE, AXES };

struct results {
    struct projection axes[AXES], residue;
    bool asked[AXES]; /* the axis is not the default one */
    bool is_ready;    /* the axes are complete */
    struct exclusions exclusions;
    struct filter *filter; /* NULL: all */
    struct texts keys, units;
    struct cell *cells; /* in the order of tables once reading is done */
    size_t cell_count;
    size_t *slots; /* of cells: indices + 1, by hash, open addressing */
    size_t slot_count;
    struct unit_info *infos;
    size_t info_count;
};

/* Before reading. False: *error says what is wrong, at the `*at`th character. */
bool results_set_axis(struct results *results, enum axis axis, const char *text, const char **error,
                      size_t *at);

/* Add a file's results under a label. What cannot be read of it is said on stderr by line, and left out, as
 * benchstat does; `name` is for these lines. */
void results_read(struct results *results, FILE *file, const char *name, const char *label);

/* When all is read: sort the cells by table, unit, row and column, and the values of each. */
void results_sort(struct results *results);

/* A Unit line said that values of this unit do not vary. */
bool results_unit_is_exact(const struct results *results, const char *unit);

#endif
