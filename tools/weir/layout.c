/* weir layout: the structs of a program: their holes, the cells that malloc gives them, and an order of their
 * members in which they are smaller. The parts are in tools/weir/layout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/arguments.h"
#include "tools/weir/command.h"

#ifdef WEIR_HAS_ELFUTILS

#include "tools/weir/layout/draw.h"
#include "tools/weir/report/profile.h"

typedef struct layout_choice {
    const char *file, *type, *debug_path, *profile;
    bool all, system, json;
} layout_choice_t;

static int take_layout_arguments(layout_choice_t *choice, int count, char **arguments)
{
    for (int at = 1; at < count; at++) {
        const char *value;
        if ((value = arguments_value("--type", arguments, &at)))
            choice->type = value;
        else if ((value = arguments_value("--debug-path", arguments, &at)))
            choice->debug_path = value;
        else if ((value = arguments_value("--profile", arguments, &at)))
            choice->profile = value;
        else if (strcmp(arguments[at], "--all") == 0)
            choice->all = true;
        else if (strcmp(arguments[at], "--system") == 0)
            choice->system = true;
        else if (strcmp(arguments[at], "--json") == 0)
            choice->json = true;
        else if (arguments[at][0] == '-')
            return command_bad_usage(&command_layout, "unknown option \"%s\"", arguments[at]);
        else if (choice->file)
            return command_bad_usage(&command_layout, "one file at a time: \"%s\"", arguments[at]);
        else
            choice->file = arguments[at];
        if (value && !*value)
            return command_bad_usage(&command_layout, "%s: expected a value", arguments[at]);
    }
    return choice->file ? 0 : command_bad_usage(&command_layout, "expected a program or library");
}

static uint64_t saved(const advice_t *advice)
{
    return advice->order.members ? advice->record->size - advice->order.size : 0;
}

static uint64_t saved_by_malloc(const advice_t *advice)
{
    return advice->order.members ? draw_cell(advice->record->size) - draw_cell(advice->order.size) : 0;
}

/* The largest saving first: by the profile's objects, then by the cell, then by the size. */
static int by_saving(const void *left, const void *right)
{
    const advice_t *a = left, *b = right;
    if (draw_saving(a) != draw_saving(b))
        return draw_saving(a) < draw_saving(b) ? 1 : -1;
    uint64_t of_a = saved_by_malloc(a), of_b = saved_by_malloc(b);
    if (of_a != of_b)
        return of_a < of_b ? 1 : -1;
    if (saved(a) != saved(b))
        return saved(a) < saved(b) ? 1 : -1;
    return strcmp(a->record->name, b->record->name);
}

/* Is the struct declared in a header of the system? Such a struct is not the program's. */
static bool is_of_the_system(const layout_record_t *record)
{
    return record->file &&
           (strncmp(record->file, "/usr/", 5) == 0 || strcmp(record->file, "<built-in>") == 0);
}

static bool is_wanted(const layout_choice_t *choice, const advice_t *advice)
{
    if (choice->type)
        return true;
    if (!choice->system && is_of_the_system(advice->record))
        return false;
    return choice->all || saved(advice) > 0;
}

static void print_layout(const layout_choice_t *choice, const advice_t *advice, size_t count)
{
    size_t printed = 0, smaller = 0;
    if (choice->json)
        puts("{\"types\":[");
    for (size_t i = 0; i < count; i++) {
        smaller += saved(&advice[i]) > 0;
        if (!is_wanted(choice, &advice[i]))
            continue;
        if (choice->json)
            draw_json(&advice[i], printed == 0);
        else if (choice->type)
            draw_record(&advice[i]);
        else {
            if (printed == 0)
                draw_table_head(choice->profile);
            draw_table_row(&advice[i], choice->profile);
        }
        printed++;
    }
    if (choice->json)
        puts("\n]}");
    else if (!choice->type)
        printf("structs, classes and unions: %zu; smaller in another order: %zu%s\n", count, smaller,
               choice->system || smaller == printed ? ""
                                                    : ", those in headers of the system (--system) included");
}

static int run_layout(int count, char **arguments)
{
    layout_choice_t choice = {0};
    records_t records = {0};
    int status = take_layout_arguments(&choice, count, arguments);
    if (status)
        return status;
    if (!records_read(choice.file, choice.type, choice.debug_path, &records))
        return 1;
    if (choice.type && records.count == 0) {
        fprintf(stderr, "weir layout: %s: it has no struct %s\n", choice.file, choice.type);
        return 1;
    }
    profile_t profile = {0};
    bool is_ever = false;
    if (choice.profile && !profile_read(choice.profile, &profile))
        return 1;
    if (choice.profile)
        profile_find_symbols(&profile, choice.debug_path);
    use_t *uses = uses_find(&profile, &records, &is_ever);
    advice_t *advice = profile_room(records.count, sizeof *advice);
    for (size_t i = 0; i < records.count; i++)
        advice[i] = (advice_t){.record = &records.of[i],
                               .holes = record_holes(&records.of[i]),
                               .order = order_best(&records.of[i]),
                               .use = uses[i]};
    qsort(advice, records.count, sizeof *advice, by_saving);
    print_layout(&choice, advice, records.count);
    if (choice.profile && is_ever && !choice.json)
        puts("objects: all that were ever allocated, since none was in use when the profile was written");
    return 0;
}

#else

static int run_layout(int count, char **arguments)
{
    (void)count, (void)arguments;
    fputs(
        "weir layout: this weir was built without elfutils (Debian: libdw-dev) and zlib; build it again with them\n",
        stderr);
    return EXIT_OWN_FAILURE;
}

#endif

const struct command command_layout = {
    .name = "layout",
    .usage = "[--profile PROFILE] [--type NAME] [--all] [--system] [--json] [--debug-path DIR] FILE",
    .summary = "Show the structs of a program that would be smaller with their members in another order",
    .details =
        "FILE needs debug information (gcc -g), or a separate debug file that is found by its build id.\n"
        "size: bytes; cell: what malloc takes for one; holes, padding: unused bytes between members, after the last.\n"
        "Base classes, pointers to virtual tables and a first member that is a struct keep their places. Nothing is\n"
        "suggested for packed structs, or members with an alignment of their own. \"check\" says what to check first.\n"
        "  --profile PROFILE  count the objects of each struct in a heap profile of the program (weir run --profile); the\n"
        "                     struct that saves the most comes first. sure: the line that allocates names the struct;\n"
        "                     likely: no other struct has its size\n"
        "  --type NAME        draw the structs of that name\n"
        "  --all              also show structs that cannot be smaller\n"
        "  --system           also show structs that headers in /usr declare\n"
        "  --json             print all that is known of each struct as JSON\n"
        "  --debug-path DIR   look for debug files here too, by build id\n"
        "Exit status: 0; 1: the file cannot be read, has no debug information, or no such struct.\n",
    .run = run_layout,
};
