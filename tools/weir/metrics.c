/* weir metrics: the names, kinds and descriptions of weir/metrics.h, from the table that the runtime reads
 * by. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tools/weir/command.h"

static const struct {
    const char *name, *kind;
    bool cumulative;
    const char *description;
} rows[] = {
#define UINT64(id, name, cumulative, needs, value, description) {name, "uint64", cumulative, description},
#define FLOAT64(id, name, cumulative, needs, value, description) {name, "float64", cumulative, description},
#define HISTOGRAM(id, name, cumulative, needs, fill, description)                                            \
    {name, "histogram", cumulative, description},
#include "runtime/observe/metrics.def"
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void print_markdown(void)
{
    puts("| metric | kind | what |\n|---|---|---|");
    for (size_t i = 0; i < ROWS; i++)
        printf("| `%s` | %s%s | %s |\n", rows[i].name, rows[i].kind, rows[i].cumulative ? ", cumulative" : "",
               rows[i].description);
}

static int run_metrics(int count, char **arguments)
{
    if (count > 2 || (count == 2 && strcmp(arguments[1], "--markdown") != 0))
        return command_bad_usage(&command_metrics, "unknown argument \"%s\"", arguments[count == 2 ? 1 : 2]);
    if (count == 2)
        print_markdown();
    else
        for (size_t i = 0; i < ROWS; i++)
            printf("%s (%s%s)\n    %s\n", rows[i].name, rows[i].kind,
                   rows[i].cumulative ? ", cumulative" : "", rows[i].description);
    return fflush(stdout) == 0 ? 0 : EXIT_OWN_FAILURE;
}

const struct command command_metrics = {
    .name = "metrics",
    .usage = "[--markdown]",
    .summary = "List the metrics of a program on weir",
    .details =
        "The names are those of Go's runtime/metrics where the meaning is the same; weir/metrics.h reads them.\n",
    .run = run_metrics,
};
