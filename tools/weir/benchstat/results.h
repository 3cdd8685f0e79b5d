/* results: benchmark files, read. Every measured value lands in a cell, which is one configuration, unit, benchmark and
 * file; the cells in order make the tables. Nothing is freed: the command ends.
 */
#ifndef WEIR_TOOLS_BENCHSTAT_RESULTS_H
#define WEIR_TOOLS_BENCHSTAT_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Texts without repetition; a text's index is its place in the order of first appearance. */
struct texts {
    char **items;
    size_t count;
};
size_t texts_add(struct texts *texts, const char *text, size_t length);

/* The lines "key: value" that hold for a result: values by the index of their key. Keys at or beyond `count`, and NULL,
 * have no value. */
struct config {
    char **values;
    size_t count;
};
const char *config_value(const struct config *config, size_t key); /* "" if there is none */

struct cell {
    size_t config, unit, benchmark, file; /* indices into the lists of struct results */
    double *values;                       /* sorted once reading is done */
    size_t count;
};

struct unit_info {
    char *unit;  /* in base units */
    char *key;   /* such as "assume" */
    char *value; /* such as "exact" */
};

struct results {
    struct texts keys, units, benchmarks, files;
    struct texts ignored;   /* keys that are not looked at; filled by the caller before reading */
    struct config *configs; /* sorted by results_sort */
    size_t config_count;
    struct cell *cells;
    size_t cell_count, last_cell; /* the last one found, where the search begins */
    struct unit_info *infos;
    size_t info_count;
};

/* Add a file's results under a label. What cannot be read of it is said on stderr by line, and left out, as benchstat
 * does; `name` is for these lines. */
void results_read(struct results *results, FILE *file, const char *name, const char *label);

/* Sort the values of every cell, and give the configurations the order in which tables are printed. */
void results_sort(struct results *results);

/* NULL if the files have no such cell. */
const struct cell *results_cell(const struct results *results, size_t config, size_t unit, size_t benchmark,
                                size_t file);
/* A Unit line said that values of this unit do not vary. */
bool results_unit_is_exact(const struct results *results, const char *unit);

#endif
