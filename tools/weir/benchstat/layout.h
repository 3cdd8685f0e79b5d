/* layout: text in columns. Cells may span columns; widths are found when all cells are known. */
#ifndef WEIR_TOOLS_BENCHSTAT_LAYOUT_H
#define WEIR_TOOLS_BENCHSTAT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum layout_align { LAYOUT_LEFT, LAYOUT_CENTER, LAYOUT_RIGHT };

struct layout_cell {
    size_t row, column, span;
    char *text;
    const char *margin; /* what stands before the text; as wide as the widest in its column */
    enum layout_align align;
};

struct layout {
    struct layout_cell *cells; /* in the order of rows and columns */
    size_t cell_count;
    size_t row, column; /* where the next cell goes */
    size_t column_count;
    bool *fixed; /* by column: not widened for a cell that spans it. Owned by the caller; may be NULL */
};

void layout_row(struct layout *layout);
void layout_skip(struct layout *layout, size_t column); /* to a column further right */
/* The text is copied. */
void layout_cell(struct layout *layout, const char *text, enum layout_align align);
void layout_span(struct layout *layout, size_t span, const char *text, enum layout_align align,
                 const char *margin);
/* Prints all rows and frees the cells. */
void layout_print(struct layout *layout, FILE *file);

#endif
