/* options: see options.h. One pass over the environment; for a variable that does not begin with WEIR_ it
 * costs one comparison. How a value is parsed and printed depends on its kind alone, so a new option is one
 * row of options.def.
 */
#include "runtime/os/options.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "runtime/os/memory_size.h"
#include "runtime/os/rules.h"
#include "runtime/os/signal.h"

#define PREFIX "WEIR_"
#define DEBUG_VARIABLE "WEIR_DEBUG"
enum { LINE = 512 }; /* room for any line that is printed here */

#define RESERVED(name)
const struct options_row options_table[OPTIONS_COUNT] = {
#define VARIABLE(field, name, kind, words, initial, meaning)                                                 \
    {name, false, OPTIONS_##kind, words, initial, meaning},
#define KEY(field, name, kind, words, initial, meaning) {name, true, OPTIONS_##kind, words, initial, meaning},
#include "runtime/os/options.def"
#undef VARIABLE
#undef KEY
};

struct options options = {
    .values =
        {
#define VARIABLE(field, name, kind, words, initial, meaning) initial,
#define KEY(field, name, kind, words, initial, meaning) initial,
#include "runtime/os/options.def"
#undef VARIABLE
#undef KEY
        },
    .memory = memory_size_available,
};
#undef RESERVED

static const char *const reserved[] = {
#define VARIABLE(...)
#define KEY(...)
#define RESERVED(name) name,
#include "runtime/os/options.def"
#undef RESERVED
#undef KEY
#undef VARIABLE
};

/* A piece of a string that somebody else owns. */
struct piece {
    const char *start;
    size_t length;
};

static struct piece piece_of(const char *string)
{
    return (struct piece){string, strlen(string)};
}

static bool piece_is(struct piece piece, const char *string)
{
    return strlen(string) == piece.length && memcmp(piece.start, string, piece.length) == 0;
}

/* The piece up to the separator, which is taken off `rest` with it. */
static struct piece piece_cut(struct piece *rest, char separator)
{
    const char *found = memchr(rest->start, separator, rest->length);
    struct piece head = {rest->start, found != NULL ? (size_t)(found - rest->start) : rest->length};
    size_t taken = head.length + (found != NULL);
    *rest = (struct piece){rest->start + taken, rest->length - taken};
    return head;
}

/* --- Values. Each parser returns what is wrong: NULL nothing, "" the grammar, otherwise the detail. --- */

static const char WRONG[] = "", TOO_LARGE[] = "too large",
                  UNKNOWN_MEMORY[] = "the machine does not say how much it has";

/* Leading digits, taken off the piece. */
static const char *parse_digits(struct piece *piece, int64_t *number)
{
    size_t used = 0;
    bool overflow = false;
    *number = 0;
    for (; used < piece->length && piece->start[used] >= '0' && piece->start[used] <= '9'; used++)
        overflow |= __builtin_mul_overflow(*number, 10, number) ||
                    __builtin_add_overflow(*number, piece->start[used] - '0', number);
    *piece = (struct piece){piece->start + used, piece->length - used};
    if (used == 0)
        return WRONG;
    return overflow ? TOO_LARGE : NULL;
}

static const char *parse_number(struct piece value, int64_t largest, int64_t *number)
{
    const char *problem = parse_digits(&value, number);
    if (value.length > 0)
        return WRONG;
    return problem == NULL && *number > largest ? TOO_LARGE : problem;
}

static const char *parse_share(uint64_t (*memory)(void), int64_t percent, int64_t *bytes)
{
    uint64_t all = memory();
    if (all == MEMORY_SIZE_UNLIMITED)
        return UNKNOWN_MEMORY;
    *bytes = memory_size_share(all, percent);
    return NULL;
}

enum { AUTO_PERCENT = 90 };

/* Of a size that has been parsed: which share it is; 0: none. */
static uint8_t share_of(const struct options_row *row, struct piece value)
{
    int64_t percent = 0;
    if (row->kind != OPTIONS_SIZE)
        return 0;
    if (piece_is(value, "auto"))
        return AUTO_PERCENT;
    return parse_digits(&value, &percent) == NULL && piece_is(value, "%") ? (uint8_t)percent : 0;
}

static const char *parse_size(struct piece value, uint64_t (*memory)(void), int64_t *bytes)
{
    static const struct {
        const char *suffix;
        int64_t factor;
    } units[] = {{"", 1},
                 {"B", 1},
                 {"KiB", (int64_t)1 << 10},
                 {"MiB", (int64_t)1 << 20},
                 {"GiB", (int64_t)1 << 30},
                 {"TiB", (int64_t)1 << 40}};

    if (piece_is(value, "auto"))
        return parse_share(memory, AUTO_PERCENT, bytes);
    const char *problem = parse_digits(&value, bytes);
    if (problem == WRONG)
        return WRONG;
    if (piece_is(value, "%"))
        return problem == NULL && *bytes >= 1 && *bytes <= 100 ? parse_share(memory, *bytes, bytes) : WRONG;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (piece_is(value, units[i].suffix))
            return problem != NULL || __builtin_mul_overflow(*bytes, units[i].factor, bytes) ? TOO_LARGE
                                                                                             : NULL;
    return WRONG;
}

static const char *parse_choice(struct piece value, const char *words, int64_t *place)
{
    struct piece rest = piece_of(words);
    for (*place = 0; rest.length > 0; ++*place) {
        struct piece word = piece_cut(&rest, '|');
        if (word.length == value.length && memcmp(word.start, value.start, word.length) == 0)
            return NULL;
    }
    return WRONG;
}

/* Of a variable: the piece goes on to the end of its string. */
static const char *parse_rules(struct piece value, int64_t *start)
{
    rule_t rule;
    const char *rest = value.start;
    *start = 0;
    if (piece_is(value, "off"))
        return NULL;
    while (rest && *rest)
        rest = rule_next(rest, &rule);
    *start = (int64_t)(intptr_t)value.start;
    return rest ? NULL : WRONG;
}

/* Of a variable; printed as it is, so nothing in it may need to be escaped. */
static const char *parse_file(struct piece value, int64_t *start)
{
    *start = 0;
    if (piece_is(value, "off"))
        return NULL;
    for (size_t i = 0; i < value.length; i++)
        if ((unsigned char)value.start[i] < ' ' || value.start[i] == '"' || value.start[i] == '\\')
            return WRONG;
    *start = (int64_t)(intptr_t)value.start;
    return NULL;
}

static const char *parse_value(const struct options_row *row, struct piece value, uint64_t (*memory)(void),
                               int64_t *parsed)
{
    switch (row->kind) {
    case OPTIONS_PERCENT:
        *parsed = OPTIONS_OFF;
        return piece_is(value, "off") ? NULL : parse_number(value, INT_MAX, parsed);
    case OPTIONS_SIZE:
        *parsed = OPTIONS_NO_LIMIT;
        return piece_is(value, "off") ? NULL : parse_size(value, memory, parsed);
    case OPTIONS_NUMBER:
        return parse_number(value, INT64_MAX, parsed);
    case OPTIONS_RULES:
        return parse_rules(value, parsed);
    case OPTIONS_FILE:
        return parse_file(value, parsed);
    case OPTIONS_CHOICE:
        return parse_choice(value, row->words, parsed);
    }
    __builtin_unreachable();
}

/* --- Names --- */

static const struct options_row *find_row(struct piece name, bool is_key)
{
    for (const struct options_row *row = options_table; row < options_table + OPTIONS_COUNT; row++)
        if (row->is_key == is_key && piece_is(name, row->name))
            return row;
    return NULL;
}

static bool is_reserved(struct piece name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (piece_is(name, reserved[i]))
            return true;
    return false;
}

/* Set the row's option; `item` is what a report quotes, `value` the part of it that counts. */
static bool set_row(struct options *into, const struct options_row *row, struct piece name, struct piece item,
                    struct piece value, struct options_problem *problem)
{
    int64_t parsed = 0;
    const char *detail = WRONG;
    if (row != NULL) {
        ptrdiff_t place = row - options_table;
        detail = parse_value(row, value, into->memory, &parsed);
        if (detail == NULL) {
            into->values[place] = parsed;
            into->sources[place] = OPTIONS_FROM_ENVIRONMENT;
            into->shares[place] = share_of(row, value);
            return true;
        }
    }
    *problem = (struct options_problem){.name = name.start,
                                        .name_length = name.length,
                                        .value = item.start,
                                        .length = item.length,
                                        .row = row,
                                        .kept = row != NULL ? into->values[row - options_table] : 0,
                                        .detail = detail == WRONG ? NULL : detail};
    return false;
}

static bool set_variable(struct options *into, struct piece name, struct piece value,
                         struct options_problem *problem)
{
    const struct options_row *row = find_row(name, false);
    return (row != NULL && value.length == 0) || set_row(into, row, name, value, value, problem);
}

static bool set_key(struct options *into, struct piece item, struct options_problem *problem)
{
    struct piece value = item, name = piece_cut(&value, '=');
    const struct options_row *row = find_row(name, true);
    if (name.length == item.length && row != NULL && row->kind == OPTIONS_CHOICE)
        value = piece_of("1");
    return set_row(into, row, piece_of(DEBUG_VARIABLE), item, value, problem);
}

bool options_parse(struct options *into, const char *name, const char *value, struct options_problem *problem)
{
    const struct options_row *key = find_row(piece_of(name), true);
    if (key == NULL)
        return set_variable(into, piece_of(name), piece_of(value), problem);
    return set_row(into, key, piece_of(DEBUG_VARIABLE), piece_of(value), piece_of(value), problem);
}

void options_parse_debug(struct options *into, const char *list,
                         void (*report)(void *context, const struct options_problem *problem), void *context)
{
    struct piece rest = piece_of(list);
    while (rest.length > 0) {
        struct options_problem problem;
        struct piece item = piece_cut(&rest, ',');
        if (item.length > 0 && !set_key(into, item, &problem))
            report(context, &problem);
    }
}

/* --- Printing --- */

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
        text_add_str(text, " " DEBUG_VARIABLE);
}

void options_add_problem(text_t *text, const struct options_problem *problem)
{
    bool is_debug = piece_is((struct piece){problem->name, problem->name_length}, DEBUG_VARIABLE);
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
        text_add_str(text, DEBUG_VARIABLE "=");
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

/* --- Loading --- */

static void report(void *context, const struct options_problem *problem)
{
    (void)context;
    char room[LINE];
    text_t line = text_on(room, sizeof room);
    options_add_problem(&line, problem);
    text_flush(&line, STDERR_FILENO);
}

/* libc fills in `environ` when it initialises itself. Before that, the environment stands where the kernel
 * put it: above the argument count. */
static char **environment(void)
{
    if (environ != NULL)
        return environ;
    const uintptr_t *argument_count = os_first_stack_start();
    return (char **)(argument_count + 1 + *argument_count + 1);
}

static void load_entry(struct options *into, const char *entry)
{
    struct options_problem problem;
    struct piece value = piece_of(entry), name = piece_cut(&value, '=');
    const struct options_row *row = find_row(name, false);
    if (piece_is(name, DEBUG_VARIABLE))
        options_parse_debug(into, value.start, report, NULL);
    else if (row != NULL && into->sources[row - options_table] == OPTIONS_FROM_ENVIRONMENT)
        return; /* set twice: the first counts, as in getenv */
    else if (!is_reserved(name) && !set_variable(into, name, value, &problem))
        report(NULL, &problem);
}

void options_load(void)
{
    if (getauxval(AT_SECURE) != 0)
        return;
    int saved = errno;
    for (char **entry = environment(); *entry != NULL; entry++)
        if (**entry == PREFIX[0] && strncmp(*entry, PREFIX, sizeof PREFIX - 1) == 0)
            load_entry(&options, *entry);
    if (options.help != 0)
        options_print(&options, STDERR_FILENO);
    errno = saved;
}
