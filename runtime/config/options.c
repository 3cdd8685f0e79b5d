/* options: see options.h. The environment is read in one pass, at the cost of one comparison for a variable
 * that does not begin with WEIR_. How a value is parsed and printed depends on its kind alone, so a new
 * option is one row of options.def.
 */
#include "runtime/config/options.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "runtime/base/piece.h"
#include "runtime/base/rules.h"
#include "runtime/os/self.h"
#include "runtime/process/memory_size.h"

#define PREFIX "WEIR_"
enum { LINE = 512 }; /* room for any line that is printed here */

#define RESERVED(name)
const struct options_row options_table[OPTIONS_COUNT] = {
#define VARIABLE(field, name, kind, words, initial, meaning)                                                 \
    {name, false, OPTIONS_##kind, words, initial, meaning},
#define KEY(field, name, kind, words, initial, meaning) {name, true, OPTIONS_##kind, words, initial, meaning},
#include "runtime/config/options.def"
#undef VARIABLE
#undef KEY
};

struct options options = {
    .values =
        {
#define VARIABLE(field, name, kind, words, initial, meaning) initial,
#define KEY(field, name, kind, words, initial, meaning) initial,
#include "runtime/config/options.def"
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
#include "runtime/config/options.def"
#undef RESERVED
#undef KEY
#undef VARIABLE
};

/* --- Values. Each parser returns what is wrong: NULL nothing, "" the grammar, otherwise the detail. --- */

static const char WRONG[] = "", TOO_LARGE[] = "too large",
                  UNKNOWN_MEMORY[] = "the machine does not say how much it has";

/* Read the leading digits and cut them off the piece. */
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

/* The percentage that a size, already parsed, was given as; 0: it was given in bytes. */
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

/* For a variable only: the rules go on to the end of the string that the piece is cut from. */
static const char *parse_rules(struct piece value, const char *next(const char *rules, rule_t *rule),
                               int64_t *start)
{
    rule_t rule;
    const char *rest = value.start;
    *start = 0;
    if (piece_is(value, "off"))
        return NULL;
    while (rest && *rest)
        rest = next(rest, &rule);
    *start = (int64_t)(intptr_t)value.start;
    return rest ? NULL : WRONG;
}

/* For a variable only. The value is printed as it is, so nothing in it may need to be escaped. */
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
        return parse_rules(value, rule_next, parsed);
    case OPTIONS_BUDGETS:
        return parse_rules(value, rule_next_budget, parsed);
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

/* Set the row's option. A report quotes `item`; `value` is the part of it that is parsed. */
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
    return set_row(into, row, piece_of(OPTIONS_DEBUG), item, value, problem);
}

bool options_parse(struct options *into, const char *name, const char *value, struct options_problem *problem)
{
    const struct options_row *key = find_row(piece_of(name), true);
    if (key == NULL)
        return set_variable(into, piece_of(name), piece_of(value), problem);
    return set_row(into, key, piece_of(OPTIONS_DEBUG), piece_of(value), piece_of(value), problem);
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

/* --- Loading --- */

static void report(void *context, const struct options_problem *problem)
{
    (void)context;
    char room[LINE];
    text_t line = text_on(room, sizeof room);
    options_add_problem(&line, problem);
    text_flush(&line, STDERR_FILENO);
}

/* libc fills in `environ` when it initialises itself. Before that, the environment is found where the kernel
 * put it: on the first stack, after the argument count and the arguments. */
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
    if (piece_is(name, OPTIONS_DEBUG))
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
