/* print: one table behind the other; above each, the configuration lines that differ from the table before.
 *
 *   name     | center ± range warnings |  center ± range warnings  delta (test) warnings | …
 *   column 0 | 1        2     3        |  4        5     6         7     8      9        | …
 */
#include <string.h>

#include "tools/weir/benchstat/layout.h"
#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/print.h"
#include "tools/weir/benchstat/unit.h"

enum { CENTER_COLUMNS = 3, DELTA_COLUMNS = 3 };

/* --- Text --- */

static size_t first_column(size_t file)
{
    return file == 0 ? 1 : 1 + CENTER_COLUMNS + (file - 1) * (CENTER_COLUMNS + DELTA_COLUMNS);
}

static const char *superscript(size_t number, char text[64])
{
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char decimal[24], *end = text;
    snprintf(decimal, sizeof decimal, "%zu", number);
    for (const char *digit = decimal; *digit != '\0'; digit++)
        end = stpcpy(end, digits[*digit - '0']);
    return text;
}

/* A cell of footnote marks. Equal notes have one number. */
static void footnote(struct layout *layout, struct texts *notes, const char *const *warnings, size_t count)
{
    char cell[256] = "", mark[64];
    for (size_t i = 0; i < count; i++)
        if (warnings[i][0] != '\0') {
            size_t note = texts_add(notes, warnings[i], strlen(warnings[i]));
            if (cell[0] != '\0')
                strcat(cell, " ");
            strcat(cell, superscript(note + 1, mark));
        }
    layout_cell(layout, cell, LAYOUT_LEFT);
}

/* How many columns from this one on have the same head in this line, and in all above. */
static size_t same_heads(const struct table *table, size_t level, size_t column)
{
    for (size_t end = column + 1; end < table->column_count; end++)
        for (size_t line = 0; line <= level; line++)
            if (strcmp(table->heads[line][end], table->heads[line][column]) != 0)
                return end - column;
    return table->column_count - column;
}

static void text_head_level(struct layout *layout, const struct table *table, size_t level)
{
    layout_row(layout);
    for (size_t column = 0; column < table->column_count;) {
        size_t end = column + same_heads(table, level, column);
        layout_skip(layout, first_column(column));
        layout_span(layout, first_column(end) - first_column(column), table->heads[level][column],
                    LAYOUT_CENTER, " │ ");
        column = end;
    }
    layout_skip(layout, first_column(table->column_count + 1));
    layout_span(layout, 1, "", LAYOUT_LEFT, " │");
}

static void text_head(struct layout *layout, const struct table *table)
{
    size_t edge = first_column(table->column_count + 1);
    for (size_t level = 0; level < table->level_count; level++)
        text_head_level(layout, table, level);
    layout_row(layout);
    for (size_t column = 0; column < table->column_count; column++) {
        layout_skip(layout, first_column(column));
        layout_span(layout, CENTER_COLUMNS, table->unit, LAYOUT_CENTER, " │ ");
        if (column > 0)
            layout_span(layout, DELTA_COLUMNS, "vs base", LAYOUT_LEFT, "  ");
        for (size_t inner = first_column(column) + 1; inner < first_column(column + 1); inner++)
            layout->fixed[inner] = true;
    }
    layout_skip(layout, edge);
    layout_span(layout, 1, "", LAYOUT_LEFT, " │");
}

static void text_entry(struct layout *layout, struct texts *notes, const struct entry *entry,
                       struct scale scale)
{
    char text[UNIT_TEXT_SIZE];
    unit_format(scale, entry->center, text);
    layout_cell(layout, text, LAYOUT_RIGHT);
    layout_span(layout, 1, entry->range, LAYOUT_RIGHT, " ± ");
    footnote(layout, notes, (const char *const[]){entry->variance_warning, entry->center_warning}, 2);
    if (!entry->compared)
        return;
    layout_cell(layout, entry->delta, LAYOUT_RIGHT);
    snprintf(text, sizeof text, "(%s)", entry->test);
    layout_cell(layout, text, LAYOUT_LEFT);
    footnote(layout, notes, (const char *const[]){entry->test_warning}, 1);
}

static void text_row(struct layout *layout, struct texts *notes, const struct table *table, size_t row)
{
    const struct entry *entries = &table->entries[table->first[row]];
    size_t count = table->first[row + 1] - table->first[row];
    double *centers = memory_new(count, sizeof *centers);
    for (size_t i = 0; i < count; i++)
        centers[i] = entries[i].center;
    struct scale scale = unit_scale(centers, count, unit_is_binary(table->unit));
    free(centers);
    layout_row(layout);
    layout_cell(layout, table->rows[row], LAYOUT_LEFT);
    for (size_t i = 0; i < count; i++) {
        layout_skip(layout, first_column(entries[i].column));
        text_entry(layout, notes, &entries[i], scale);
    }
}

static void format_ratio(const struct column_summary *summary, char text[UNIT_TEXT_SIZE])
{
    if (summary->has_ratio)
        snprintf(text, UNIT_TEXT_SIZE, "%+.2f%%", (summary->ratio - 1) * 100);
    else
        strcpy(text, "?");
}

static void text_summaries(struct layout *layout, struct texts *notes, const struct table *table)
{
    layout_row(layout);
    layout_cell(layout, "geomean", LAYOUT_LEFT);
    for (size_t column = 0; column < table->column_count; column++) {
        const struct column_summary *summary = &table->summaries[column];
        char text[UNIT_TEXT_SIZE];
        if (summary->has_mean) {
            layout_skip(layout, first_column(column));
            unit_format(unit_scale(&summary->mean, 1, unit_is_binary(table->unit)), summary->mean, text);
            layout_cell(layout, text, LAYOUT_RIGHT);
        }
        if (column > 0) {
            layout_skip(layout, first_column(column) + CENTER_COLUMNS);
            format_ratio(summary, text);
            layout_cell(layout, text, summary->has_ratio ? LAYOUT_RIGHT : LAYOUT_LEFT);
        }
        layout_skip(layout, first_column(column + 1) - 1);
        footnote(layout, notes,
                 (const char *const[]){summary->warnings[0], summary->warnings[1], summary->warnings[2]}, 3);
    }
}

static void print_text(const struct table *table, FILE *file)
{
    struct texts notes = {0};
    bool *fixed = memory_new(first_column(table->column_count + 1) + 1, sizeof(bool));
    struct layout layout = {.fixed = fixed};
    text_head(&layout, table);
    for (size_t row = 0; row < table->row_count; row++)
        text_row(&layout, &notes, table, row);
    if (table->row_count > 1)
        text_summaries(&layout, &notes, table);
    layout_print(&layout, file);
    free(fixed);
    for (size_t note = 0; note < notes.count; note++) {
        char mark[64];
        fprintf(file, "%s %s\n", superscript(note + 1, mark), notes.items[note]);
    }
}

/* --- Comma-separated values: name, center, range, and from the second file on delta, test --- */

struct csv {
    FILE *file;
    size_t line, fields; /* where the next field goes: lines from 1, fields from 0 */
};

static void csv_field(struct csv *csv, const char *text)
{
    if (csv->fields++ > 0)
        fputc(',', csv->file);
    if (strpbrk(text, ",\"\r\n") == NULL && text[0] != ' ') {
        fputs(text, csv->file);
        return;
    }
    fputc('"', csv->file);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            fputc('"', csv->file);
        fputc(*text, csv->file);
    }
    fputc('"', csv->file);
}

static void csv_skip(struct csv *csv, size_t field)
{
    while (csv->fields < field)
        csv_field(csv, "");
}

static void csv_end_line(struct csv *csv)
{
    fputc('\n', csv->file);
    csv->line++;
    csv->fields = 0;
}

static size_t csv_first(size_t column)
{
    return column == 0 ? 1 : 3 + (column - 1) * 4;
}

/* On stderr, so that the values stay values; the place is that of the next field, as in a spreadsheet. */
static void csv_warn(const struct csv *csv, const char *warning)
{
    char letters[16], *letter = letters + sizeof letters - 1;
    *letter = '\0';
    size_t number = csv->fields;
    do
        *--letter = (char)('A' + number % 26);
    while ((number /= 26) > 0);
    if (warning[0] != '\0')
        fprintf(stderr, "%s%zu: %s\n", letter, csv->line, warning);
}

static void csv_entry(struct csv *csv, const struct entry *entry)
{
    char text[UNIT_TEXT_SIZE];
    csv_warn(csv, entry->variance_warning);
    csv_warn(csv, entry->center_warning);
    unit_format_exact(entry->center, text);
    csv_field(csv, text);
    csv_field(csv, entry->range);
    if (!entry->compared)
        return;
    csv_warn(csv, entry->test_warning);
    csv_field(csv, entry->delta);
    csv_field(csv, entry->test);
}

static void csv_head(struct csv *csv, const struct table *table)
{
    for (size_t level = 0; level < table->level_count; level++) {
        for (size_t column = 0; column < table->column_count; column++) {
            csv_skip(csv, csv_first(column));
            csv_field(csv, table->heads[level][column]);
        }
        csv_skip(csv, csv_first(table->column_count));
        csv_end_line(csv);
    }
    for (size_t column = 0; column < table->column_count; column++) {
        csv_skip(csv, csv_first(column));
        csv_field(csv, table->unit);
        csv_field(csv, "CI");
        if (column > 0) {
            csv_field(csv, "vs base");
            csv_field(csv, "P");
        }
    }
    csv_end_line(csv);
}

static void csv_summaries(struct csv *csv, const struct table *table)
{
    csv_field(csv, "geomean");
    for (size_t column = 0; column < table->column_count; column++) {
        const struct column_summary *summary = &table->summaries[column];
        char text[UNIT_TEXT_SIZE];
        csv_skip(csv, csv_first(column));
        for (size_t i = 0; i < summary->warning_count; i++)
            csv_warn(csv, summary->warnings[i]);
        if (summary->has_mean) {
            unit_format_exact(summary->mean, text);
            csv_field(csv, text);
        }
        if (column > 0) {
            csv_skip(csv, csv_first(column) + 2);
            format_ratio(summary, text);
            csv_field(csv, text);
        }
    }
    csv_skip(csv, csv_first(table->column_count));
    csv_end_line(csv);
}

static void print_csv(const struct table *table, struct csv *csv)
{
    csv_head(csv, table);
    for (size_t row = 0; row < table->row_count; row++) {
        csv_field(csv, table->rows[row]);
        for (size_t i = table->first[row]; i < table->first[row + 1]; i++) {
            csv_skip(csv, csv_first(table->entries[i].column));
            csv_entry(csv, &table->entries[i]);
        }
        csv_end_line(csv);
    }
    csv_summaries(csv, table);
}

/* --- All tables --- */

static void print_head(struct csv *csv, bool is_csv, const char *line)
{
    if (is_csv)
        csv_field(csv, line);
    else
        fputs(line, csv->file);
    csv_end_line(csv);
}

/* What the table's tuple has, as far as it differs from the one before. */
static void print_config(const struct projection *tables, const struct table *before,
                         const struct table *table, struct csv *csv, bool is_csv)
{
    for (struct flat_field flat = {0}; projection_next_field(tables, &flat);) {
        const char *value = projection_value(tables, table->tuple, flat.place);
        if (before != NULL && strcmp(value, projection_value(tables, before->tuple, flat.place)) == 0)
            continue;
        char *line;
        if (asprintf(&line, "%s: %s", flat.name, value) < 0)
            memory_checked(NULL);
        print_head(csv, is_csv, line);
        free(line);
    }
}

void print_tables(const struct results *results, struct levels levels, bool is_csv, FILE *file)
{
    struct csv csv = {.file = file, .line = 1};
    const struct table *before = NULL;
    for (size_t next = 0; next < results->cell_count;) {
        const struct table *table = table_new(results, &next, levels);
        if (before != NULL)
            print_head(&csv, is_csv, "");
        print_config(&results->axes[AXIS_TABLE], before, table, &csv, is_csv);
        before = table;
        if (is_csv)
            print_csv(table, &csv);
        else
            print_text(table, file);
    }
}
