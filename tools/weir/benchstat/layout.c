/* layout: as golang.org/x/perf's texttab lays out, so that the tables are the same. */
#include <string.h>

#include "tools/weir/benchstat/layout.h"
#include "tools/weir/benchstat/memory.h"

/* Characters, of valid UTF-8. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

static size_t greater(size_t left, size_t right)
{
    return left > right ? left : right;
}

void layout_row(struct layout *layout)
{
    if (layout->cell_count > 0)
        layout->row++;
    layout->column = 0;
}

void layout_skip(struct layout *layout, size_t column)
{
    layout->column = column;
}

void layout_span(struct layout *layout, size_t span, const char *text, enum layout_align align,
                 const char *margin)
{
    layout->cells = memory_grow(layout->cells, layout->cell_count, sizeof layout->cells[0]);
    layout->cells[layout->cell_count++] = (struct layout_cell){
        layout->row, layout->column, span, memory_text(text, strlen(text)), margin, align};
    layout->column += span;
    layout->column_count = greater(layout->column_count, layout->column);
}

void layout_cell(struct layout *layout, const char *text, enum layout_align align)
{
    layout_span(layout, 1, text, align, layout->column == 0 || *text == '\0' ? "" : " ");
}

/* Make the spanned columns wide enough for the cell. In turn, the widest first, each is made at least as wide
 * as the average of what is still missing. Fixed columns keep their width. */
static void widen(const struct layout *layout, const struct layout_cell *cell, size_t wanted, size_t *widths)
{
    size_t open = 0, end = cell->column + cell->span;
    bool *done = memory_new(layout->column_count, sizeof(bool));
    for (size_t column = cell->column; column < end; column++) {
        done[column] = layout->fixed != NULL && layout->fixed[column];
        if (done[column])
            wanted -= widths[column] < wanted ? widths[column] : wanted;
        else
            open++;
    }
    for (; open > 0; open--) {
        size_t widest = end;
        for (size_t column = cell->column; column < end; column++)
            if (!done[column] && (widest == end || widths[column] > widths[widest]))
                widest = column;
        size_t average = (wanted + open - 1) / open;
        widths[widest] = greater(widths[widest], average);
        wanted -= widths[widest] < wanted ? widths[widest] : wanted;
        done[widest] = true;
    }
    free(done);
}

static void find_widths(const struct layout *layout, size_t *widths, const size_t *margins)
{
    size_t widest_span = 1;
    for (size_t i = 0; i < layout->cell_count; i++)
        widest_span = greater(widest_span, layout->cells[i].span);
    for (size_t span = 1; span <= widest_span; span++)
        for (size_t i = 0; i < layout->cell_count; i++) {
            const struct layout_cell *cell = &layout->cells[i];
            size_t wanted = text_width(cell->text) + margins[cell->column], have = 0;
            if (cell->span != span)
                continue;
            for (size_t column = cell->column; column < cell->column + span; column++)
                have += widths[column];
            if (span == 1)
                widths[cell->column] = greater(have, wanted);
            else if (have < wanted)
                widen(layout, cell, wanted, widths);
        }
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " ")] == '\0';
}

/* Returns the column of the screen behind it. */
static size_t print_cell(const struct layout_cell *cell, size_t at, size_t begin, size_t margin, size_t width,
                         FILE *file)
{
    size_t text = text_width(cell->text), before = 0;
    if (cell->align == LAYOUT_RIGHT && width > text)
        before = width - text;
    else if (cell->align == LAYOUT_CENTER && width > text)
        before = (width - text) / 2;
    size_t margin_before = margin - text_width(cell->margin);
    fprintf(file, "%*s%s%*s%s", (int)(begin - at + margin_before), "", cell->margin, (int)before, "",
            cell->text);
    return begin + margin + before + text;
}

/* Blank cells are left out, so that no line ends in spaces. */
static void print_cells(const struct layout *layout, const size_t *begins, const size_t *margins, FILE *file)
{
    size_t row = 0, at = 0;
    for (size_t i = 0; i < layout->cell_count; i++) {
        const struct layout_cell *cell = &layout->cells[i];
        if (is_blank(cell->text) && is_blank(cell->margin))
            continue;
        for (; row < cell->row; row++, at = 0)
            fputc('\n', file);
        size_t width = begins[cell->column + cell->span] - begins[cell->column] - margins[cell->column];
        at = print_cell(cell, at, begins[cell->column], margins[cell->column], width, file);
    }
    if (layout->cell_count > 0)
        fputc('\n', file);
}

void layout_print(struct layout *layout, FILE *file)
{
    size_t *margins = memory_new(layout->column_count, sizeof *margins);
    size_t *widths = memory_new(layout->column_count, sizeof *widths);
    size_t *begins = memory_new(layout->column_count + 1, sizeof *begins);
    for (size_t i = 0; i < layout->cell_count; i++) {
        const struct layout_cell *cell = &layout->cells[i];
        margins[cell->column] = greater(margins[cell->column], text_width(cell->margin));
    }
    find_widths(layout, widths, margins);
    for (size_t column = 0; column < layout->column_count; column++)
        begins[column + 1] = begins[column] + widths[column];
    print_cells(layout, begins, margins, file);
    for (size_t i = 0; i < layout->cell_count; i++)
        free(layout->cells[i].text);
    free(layout->cells);
    free(margins);
    free(widths);
    free(begins);
    *layout = (struct layout){0};
}
