/* options: what the environment and command lines ask for: the options and their values, lists for
 * WEIR_DEBUG, rules, names of profiles, the knobs of `weir sweep`.
 */
#include "runtime/config/options.h"

#include <stdarg.h>
#include <weir.h>

#include "runtime/base/rules.h"
#include "runtime/observe/file_name.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tracked.h"
#include "tools/weir/command.h"
#include "tools/weir/sweep/options.h"

/* --- in place of main.c --- */

const struct command command_sweep = {.name = "sweep"};

int command_bad_usage(const struct command *command, const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    CHECK(command == &command_sweep);
    return EXIT_USAGE;
}

/* --- one value --- */

static uint64_t memory(void)
{
    return (uint64_t)7 << 30;
}

static void check_problem(const struct options_problem *problem)
{
    char room[1024];
    text_t line = text_on(room, sizeof room);
    options_add_problem(&line, problem);
    CHECK(line.length > 0 && strlen(room) == line.length);
}

/* A value that was accepted is printed in words that the parser takes for the same value. */
static void check_value(const struct options *taken, size_t i)
{
    char room[256];
    struct options again = *taken;
    struct options_problem problem;
    text_t text = text_on(room, sizeof room);
    const struct options_row *row = &options_table[i];
    options_add_value(&text, row, taken->values[i]);
    if (row->kind == OPTIONS_RULES || row->kind == OPTIONS_BUDGETS || row->kind == OPTIONS_FILE ||
        text.length == 0)
        return;
    again.values[i] = row->initial;
    CHECK(options_parse(&again, row->name, room, &problem), "%s=%s", row->name, room);
    CHECK(again.values[i] == taken->values[i], "%s=%s", row->name, room);
}

static void one_option(input_t *input)
{
    size_t i = input_below(input, OPTIONS_COUNT + 1);
    char *value = input_string(input), *name = input_string(input);
    struct options into = options;
    struct options_problem problem = {.row = NULL};
    into.memory = memory;
    if (options_parse(&into, i < OPTIONS_COUNT ? options_table[i].name : name, value, &problem)) {
        if (i < OPTIONS_COUNT)
            check_value(&into, i);
    } else {
        check_problem(&problem);
    }
    free(name);
    free(value);
}

static void on_problem(void *context, const struct options_problem *problem)
{
    ++*(size_t *)context;
    check_problem(problem);
}

static void debug_list(input_t *input)
{
    char *list = input_string(input);
    struct options into = options;
    size_t problems = 0;
    options_parse_debug(&into, list, on_problem, &problems);
    CHECK(problems <= strlen(list) + 1);
    free(list);
}

/* --- rules --- */

/* The functions on a whole list of valid rules agree with going through the rules one by one. */
static void rules(input_t *input)
{
    uint64_t size = (uint64_t)input_byte(input) << input_below(input, 64);
    char *name = input_string(input), *list = input_string(input);
    bool has_size = false, has_names = false, has_name = false;
    const char *rest = list;
    while (rest && *rest) {
        rule_t rule;
        const char *before = rest;
        rest = rule_next(rest, &rule);
        CHECK(!rest || rest > before);
        if (!rest)
            break;
        has_size |= !rule.name && size >= rule.low && size <= rule.high;
        has_names |= rule.name != NULL;
        has_name |= rule.name && strncmp(name, rule.name, rule.length) == 0;
    }
    if (rest) {
        CHECK(rules_have_size(list, size) == has_size);
        CHECK(rules_have_names(list) == has_names);
        CHECK(rules_have_name(list, name) == has_name);
    }
    free(list);
    free(name);
}

/* --- names of files --- */

static void file_name(input_t *input)
{
    uint32_t number = input_byte(input);
    size_t room = 1 + input_below(input, 300);
    char *pattern = input_string(input), *name = malloc(room);
    text_t text = text_on(name, room);
    file_name_t settled = {.process = 1};
    strncpy(settled.pattern, pattern, sizeof settled.pattern - 1);
    file_name_expand(&settled, number, &text);
    CHECK(strlen(name) == text.length && text.length < room);
    free(name);
    free(pattern);
}

/* --- the command line of weir sweep --- */

static enum options_taken take_nothing(void *context, char **arguments, int *at)
{
    (void)context, (void)arguments, (void)at;
    return OPTIONS_NOT_MINE;
}

static void command_line(input_t *input)
{
    enum { MOST = 12 };
    char *arguments[MOST + 2] = {input_string(input)};
    int count = 1;
    study_t study = {.measure = {.command = &command_sweep}};
    while (count < MOST && input->at < input->end)
        arguments[count++] = input_string(input);
    CHECK(options_take_all(&study, count, arguments, take_nothing, NULL) != 0 ||
          study.measure.program != NULL);
    if (count >= 4) {
        settings_add_knobs(&study.settings, &command_sweep, arguments[1], arguments[2]);
        settings_add_baselines(&study.settings, &command_sweep, arguments[3]);
    }
    tracked_free_all();
    for (int i = 0; i < count; i++)
        free(arguments[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(input_t *) = {one_option, debug_list, rules, file_name, command_line};
    input_t input = {data, data + size};
    parts[input_below(&input, COUNT(parts))](&input);
    return 0;
}
