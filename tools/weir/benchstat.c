/* weir benchstat: benchmark files summarised and compared, as Go's benchstat
 * (golang.org/x/perf/cmd/benchstat) does. The parts are in tools/weir/benchstat.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/print.h"
#include "tools/weir/benchstat/results.h"
#include "tools/weir/command.h"

struct benchstat_choice {
    struct levels levels;
    bool csv;
    struct results results;
};

/* Where in an expression something is wrong, on one line. */
static int bad_expression(const char *option, const char *value, const char *error, size_t at)
{
    return command_bad_usage(&command_benchstat, "-%s \"%s\": %s at character %zu", option, value, error,
                             at + 1);
}

static int parse_axis(struct results *results, enum axis axis, const char *option, const char *value)
{
    const char *error;
    size_t at;
    return results_set_axis(results, axis, value, &error, &at) ? 0 : bad_expression(option, value, error, at);
}

static int parse_filter(struct results *results, const char *value)
{
    const char *error;
    size_t at;
    results->filter = filter_parse(value, &error, &at);
    return results->filter != NULL ? 0 : bad_expression("filter", value, error, at);
}

static bool parse_level(const char *text, double *level)
{
    char *end;
    *level = strtod(text, &end);
    return *text != '\0' && *end == '\0' && *level >= 0 && *level <= 1;
}

/* Take the option at *place and its value, and move *place behind them. Returns 0; or EXIT_USAGE, after a
 * line, if they make no sense. */
static int parse_option(struct benchstat_choice *choice, char ***place)
{
    static const char *const axes[AXES] = {"table", "row", "col", "ignore"};
    const char *option = *(*place)++, *name = option + strspn(option, "-");
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : **place != NULL ? *(*place)++ : "";
    char *word = memory_text(name, length);
    bool good = true;
    for (int axis = 0; axis < AXES; axis++)
        if (strcmp(word, axes[axis]) == 0)
            return parse_axis(&choice->results, (enum axis)axis, axes[axis], value);
    if (strcmp(word, "filter") == 0)
        return parse_filter(&choice->results, value);
    if (strcmp(word, "alpha") == 0) {
        good = parse_level(value, &choice->levels.alpha);
    } else if (strcmp(word, "confidence") == 0) {
        good = parse_level(value, &choice->levels.confidence);
    } else if (strcmp(word, "format") == 0) {
        choice->csv = strcmp(value, "csv") == 0;
        good = choice->csv || strcmp(value, "text") == 0;
    } else {
        return command_bad_usage(&command_benchstat, "unknown option \"%s\"", option);
    }
    free(word);
    return good ? 0 : command_bad_usage(&command_benchstat, "%s cannot be \"%s\"", option, value);
}

/* The label of input `i`: what stands before '=', or the path, numbered if it was given before. */
static char *label_of(char **inputs, size_t i)
{
    const char *equals = strchr(inputs[i], '=');
    if (equals != NULL)
        return memory_text(inputs[i], (size_t)(equals - inputs[i]));
    size_t same = 0, before = 0;
    for (size_t other = 0; inputs[other] != NULL; other++)
        if (strcmp(inputs[other], inputs[i]) == 0) {
            same++;
            before += other < i;
        }
    char *label;
    if ((same > 1 ? asprintf(&label, "%s#%zu", inputs[i], before) : asprintf(&label, "%s", inputs[i])) < 0)
        memory_checked(NULL);
    return label;
}

static bool read_input(struct results *results, char **inputs, size_t i)
{
    const char *equals = strchr(inputs[i], '='), *path = equals != NULL ? equals + 1 : inputs[i];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        fprintf(stderr, "weir benchstat: %s: %s\n", path, strerror(errno));
        return false;
    }
    char *label = label_of(inputs, i);
    results_read(results, file, path, label);
    free(label);
    if (file != stdin)
        fclose(file);
    return true;
}

static int run_benchstat(int count, char **arguments)
{
    struct benchstat_choice choice = {.levels = {.confidence = 0.95, .alpha = 0.05}};
    char **place = arguments + (count > 0);
    while (*place != NULL && (*place)[0] == '-' && (*place)[1] != '\0') {
        int status = parse_option(&choice, &place);
        if (status != 0)
            return status;
    }
    if (*place == NULL)
        return command_bad_usage(&command_benchstat, "expected a file");
    for (size_t i = 0; place[i] != NULL; i++)
        if (!read_input(&choice.results, place, i))
            return EXIT_OWN_FAILURE;
    results_sort(&choice.results);
    print_tables(&choice.results, choice.levels, choice.csv, stdout);
    return fflush(stdout) == 0 ? 0 : EXIT_OWN_FAILURE;
}

const struct command command_benchstat = {
    .name = "benchstat",
    .usage =
        "[-table KEYS] [-row KEYS] [-col KEYS] [-ignore KEYS] [-filter QUERY] [-alpha A] [-confidence C]\n"
        "                      [-format text|csv] [LABEL=]FILE...",
    .summary = "Summarise benchmark results, and compare files of them",
    .details =
        "Reads Go's benchmark format, which programs with weir/bench.h and go test -bench print. A file - is\n"
        "the standard input. Prints medians and how far their confidence intervals (0.95) reach; then the\n"
        "difference to the first column in percent, or ~ if the U test gives a p above alpha (0.05).\n"
        "\n"
        "KEYS say which keys make tables, rows and columns: -table .config -row .fullname -col .file unless\n"
        "given. A key is .name, .fullname, .file, /size (of BenchmarkCopy/size=4k), goos (any line\n"
        "\"goos: linux\"), .config (all of these). KEY@alpha, KEY@num and KEY@(b a) order its values; the last\n"
        "form leaves out all other values. Results that differ only in the keys of -ignore belong together.\n"
        "QUERY says which results are used: -filter '/alloc:(weir OR glibc) -.name:/^Copy/ .unit:ns/op'.\n",
    .run = run_benchstat,
};
