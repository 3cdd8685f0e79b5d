/* rows: what `weir top` shows of each process. */
#ifndef WEIR_TOOLS_CONTROL_ROWS_H
#define WEIR_TOOLS_CONTROL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct row {
    pid_t process;
    char program[32];
    uint64_t live, held, released, resident; /* bytes */
    uint64_t cycles;
    double longest_stop; /* seconds */
    uint64_t gogc, memlimit;
    bool is_off, is_unlimited; /* the knobs */
} row_t;

typedef struct rows {
    row_t *all;
    size_t count;
} rows_t;

/* All processes that answer; to be freed. */
rows_t rows_read(const char *folder);
void rows_free(rows_t *rows);

void rows_heading(char *line, size_t size);
void rows_line(const row_t *row, char *line, size_t size);

#endif
