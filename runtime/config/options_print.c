/* options_print: see options.h. Values, grammars, problems and tables of the options, as text. */
#include "runtime/config/options.h"

#include <string.h>

#include "runtime/base/piece.h"

enum { LINE = 512 }; /* room for any line that is printed here */

void options_add_value(text_t *text, const struct options_row *row, int64_t value)
{
    struct piece rest = piece_of(row->words);
    switch (row->kind) {
    case OPTIONS_PERCENT:
        if (value == OPTIONS_OFF)
            text_add_str(text, "off");
        else
            text_add_i64(text, value);
        break;
    case OPTIONS_SIZE:
        if (value == OPTIONS_NO_LIMIT)
            text_add_str(text, "off");
        else
            text_add_size(text, (uint64_t)value);
        break;
    case OPTIONS_NUMBER:
        text_add_i64(text, value);
        break;
    case OPTIONS_RULES:
    case OPTIONS_BUDGETS:
    case OPTIONS_FILE:
        text_add_str(text, value ? (const char *)(intptr_t)value : "off");
        break;
    case OPTIONS_CHOICE:
        for (; value > 0; value--)
            piece_cut(&rest, '|');
        struct piece word = piece_cut(&rest, '|');
        text_add_chars(text, word.start, word.length);
        break;
    }
}

void options_add_grammar(text_t *text, const struct options_row *row)
{
    static const char *const grammars[] = {[OPTIONS_PERCENT] = "N|off",
                                           [OPTIONS_SIZE] = "SIZE|N%|auto|off",
                                           [OPTIONS_NUMBER] = "N",
                                           [OPTIONS_RULES] = "RULE,...|off",
                                           [OPTIONS_BUDGETS] = "NAME:SIZE,...|off",
                                           [OPTIONS_FILE] = "FILE|off"};
    text_add_str(text, row->kind == OPTIONS_CHOICE ? row->words : grammars[row->kind]);
}

void options_add_expected(text_t *text, const struct options_row *row)
{
    static const char *const grammars[] = {
        [OPTIONS_PERCENT] = "a percentage or \"off\"",
        [OPTIONS_SIZE] =
            "bytes (256MiB; B, KiB, MiB, GiB, TiB), a share of the memory (90%), \"auto\" or \"off\"",
        [OPTIONS_NUMBER] = "a number",
        [OPTIONS_RULES] =
            "sizes (4096, 1KiB-64KiB, 1MiB-), beginnings of libraries' names (libz.so), or \"off\"",
        [OPTIONS_BUDGETS] = "beginnings of libraries' names with sizes (libz.so:64MiB), or \"off\"",
        [OPTIONS_FILE] = "a file (no quotes, backslashes or control characters), or \"off\""};
    text_add_str(text, row->kind == OPTIONS_CHOICE ? row->words : grammars[row->kind]);
}

static void add_known_names(text_t *text, bool keys)
{
    for (const struct options_row *row = options_table; row < options_table + OPTIONS_COUNT; row++)
        if (row->is_key == keys) {
            text_add_char(text, ' ');
            text_add_str(text, row->name);
        }
    if (!keys)
        text_add_str(text, " " OPTIONS_DEBUG);
}

void options_add_problem(text_t *text, const struct options_problem *problem)
{
    bool is_debug = piece_is((struct piece){problem->name, problem->name_length}, OPTIONS_DEBUG);
    if (problem->row == NULL && !is_debug) {
        text_add_str(text, "weir: unknown variable ");
        text_add_quoted(text, problem->name, problem->name_length);
        text_add_str(text, "; there are");
        add_known_names(text, false);
        text_add_char(text, '\n');
        return;
    }
    text_add_str(text, "weir: ");
    text_add_chars(text, problem->name, problem->name_length);
    text_add_char(text, '=');
    text_add_quoted(text, problem->value, problem->length);
    if (problem->row == NULL) {
        text_add_str(text, ": unknown key; there are");
        add_known_names(text, true);
    } else {
        text_add_str(text, ": ");
        if (problem->detail != NULL)
            text_add_str(text, problem->detail);
        else {
            text_add_str(text, "expected ");
            options_add_expected(text, problem->row);
        }
        text_add_str(text, "; using ");
        options_add_value(text, problem->row, problem->kept);
    }
    text_add_char(text, '\n');
}

static void add_name(text_t *text, const struct options_row *row)
{
    if (row->is_key)
        text_add_str(text, OPTIONS_DEBUG "=");
    text_add_str(text, row->name);
}

static const char *source_name(uint8_t source)
{
    return source == OPTIONS_FROM_ENVIRONMENT ? "environment" : "default";
}

/* The columns of the printed table; a row of NULL is the heading. */
enum column { COLUMN_NAME, COLUMN_VALUE, COLUMN_SOURCE, COLUMN_TAKES, COLUMN_MEANING, COLUMNS };

static void add_cell(text_t *text, const struct options *from, const struct options_row *row,
                     enum column column)
{
    static const char *const headings[COLUMNS] = {"option", "value", "source", "takes", "meaning"};
    if (row == NULL) {
        text_add_str(text, headings[column]);
        return;
    }
    ptrdiff_t place = row - options_table;
    switch (column) {
    case COLUMN_NAME:
        add_name(text, row);
        break;
    case COLUMN_VALUE:
        options_add_value(text, row, from->values[place]);
        break;
    case COLUMN_SOURCE:
        text_add_str(text, source_name(from->sources[place]));
        break;
    case COLUMN_TAKES:
        options_add_grammar(text, row);
        break;
    case COLUMN_MEANING:
    case COLUMNS:
        text_add_str(text, row->meaning);
        break;
    }
}

static size_t column_width(const struct options *from, enum column column)
{
    size_t width = 0;
    for (size_t i = 0; i <= OPTIONS_COUNT; i++) {
        char room[LINE];
        text_t cell = text_on(room, sizeof room);
        add_cell(&cell, from, i < OPTIONS_COUNT ? &options_table[i] : NULL, column);
        width = cell.length > width ? cell.length : width;
    }
    return width;
}

void options_print(const struct options *from, int fd)
{
    size_t starts[COLUMNS] = {0};
    for (unsigned column = 1; column < COLUMNS; column++)
        starts[column] = starts[column - 1] + column_width(from, column - 1) + 2;
    for (size_t i = 0; i <= OPTIONS_COUNT; i++) {
        char room[LINE];
        text_t line = text_on(room, sizeof room);
        for (unsigned column = 0; column < COLUMNS; column++) {
            text_pad_to(&line, starts[column]);
            add_cell(&line, from, i > 0 ? &options_table[i - 1] : NULL, column);
        }
        text_add_char(&line, '\n');
        text_flush(&line, fd);
    }
}

/* No string of the table needs escaping; the tests see to that. */
static void add_json_row(text_t *text, const struct options *from, const struct options_row *row)
{
    for (unsigned column = 0; column < COLUMNS; column++) {
        text_add_str(text, column == 0 ? "{\"" : ", \"");
        add_cell(text, from, NULL, column);
        text_add_str(text, "\": \"");
        add_cell(text, from, row, column);
        text_add_char(text, '"');
    }
    text_add_char(text, '}');
}

void options_print_json(const struct options *from, int fd)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        char room[LINE];
        text_t line = text_on(room, sizeof room);
        text_add_char(&line, i == 0 ? '[' : ' ');
        add_json_row(&line, from, &options_table[i]);
        text_add_str(&line, i + 1 < OPTIONS_COUNT ? ",\n" : "]\n");
        text_flush(&line, fd);
    }
}
