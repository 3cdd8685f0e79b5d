/* print: what came out of a study, for people and for programs. */
#ifndef WEIR_TOOLS_SWEEP_PRINT_H
#define WEIR_TOOLS_SWEEP_PRINT_H

#include <stdio.h>

#include "tools/weir/sweep/study.h"

/* A row for each setting. */
void print_table(const study_t *study, FILE *to);
/* What follows from it, in sentences: the front, the knee, what makes no difference, what failed and why. */
void print_findings(const study_t *study, FILE *to);
/* All of it as one JSON object, with every run; `extra` is put in before the end: ", \"name\": value", or
 * "". */
void print_json(const study_t *study, const char *extra, FILE *to);

/* "1.23 s", "116.8 MiB", "15", as the figure is given. */
void print_value(char *text, size_t size, enum figure figure, double value);
/* What the figure is called in tables. */
const char *print_name(enum figure figure);

#endif
