/* print: see print.h. */
#include "tools/weir/sweep/print.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>

#include "tools/weir/benchstat/memory.h"

static const struct {
    const char *heading, *key; /* of the table, of JSON */
    bool from_account;         /* weir's only, and without a spread */
} columns[FIGURES] = {
    [FIGURE_WALL] = {"time", "wall_s", false},
    [FIGURE_CPU] = {"CPU", "cpu_s", false},
    [FIGURE_PEAK] = {"peak", "peak_bytes", false},
    [FIGURE_AVERAGE] = {"average", "average_bytes", false},
    [FIGURE_CYCLES] = {"cycles", "cycles", true},
    [FIGURE_STOP] = {"longest stop", "longest_stop_ns", true},
    [FIGURE_RELEASED] = {"released", "released_bytes", true},
};

/* --- values --- */

static void add_bytes(char *text, size_t size, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1023.95 && unit < 4; unit++)
        bytes /= 1024;
    snprintf(text, size, "%.*f %s", unit > 0, bytes, units[unit]);
}

static void add_seconds(char *text, size_t size, double seconds)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};
    size_t unit = 0;
    for (; seconds < 0.9995 && unit < 3 && seconds > 0; unit++)
        seconds *= 1000;
    snprintf(text, size, "%.*f %s", seconds < 9.995 ? 2 : seconds < 99.95 ? 1 : 0, seconds, units[unit]);
}

void print_value(char *text, size_t size, enum figure figure, double value)
{
    if (figure == FIGURE_WALL || figure == FIGURE_CPU)
        add_seconds(text, size, value);
    else if (figure == FIGURE_STOP)
        value > 0 ? add_seconds(text, size, value * 1e-9) : (void)snprintf(text, size, "-");
    else if (figure == FIGURE_CYCLES)
        snprintf(text, size, "%.0f", value);
    else
        add_bytes(text, size, value);
}

const char *print_name(enum figure figure)
{
    return columns[figure].heading;
}

/* --- the table --- */

enum { CELL = 64, ROWS_BEFORE = 1 };

static void fill_cell(char *cell, const series_t *series, enum figure figure)
{
    const sweep_summary_t *summary = &series->figures[figure];
    if (series->good == 0 || (columns[figure].from_account && series->accounts == 0)) {
        snprintf(cell, CELL, "%s",
                 series->good == 0 && figure == FIGURE_WALL && series->count > 0 ? "failed" : "-");
        return;
    }
    print_value(cell, CELL, figure, summary->median);
    size_t length = strlen(cell);
    if (!columns[figure].from_account && series->good > 1)
        snprintf(cell + length, CELL - length, " ± %2.0f %%", 100 * summary_spread(summary));
}

/* In characters, not bytes. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put_right(const char *text, size_t width, FILE *to)
{
    fprintf(to, "%*s%s", (int)(width - width_of(text)), "", text);
}

static size_t widest_name(const study_t *study)
{
    size_t width = strlen("setting");
    for (size_t i = 0; i < study->settings.count; i++) {
        size_t length = width_of(study->settings.all[i].name);
        width = length > width ? length : width;
    }
    return width;
}

void print_table(const study_t *study, FILE *to)
{
    size_t count = study->settings.count, widths[FIGURES], names = widest_name(study);
    char(*cells)[FIGURES][CELL] = memory_new(count, sizeof *cells);
    for (enum figure figure = 0; figure < FIGURES; figure++) {
        widths[figure] = strlen(columns[figure].heading);
        for (size_t i = 0; i < count; i++) {
            fill_cell(cells[i][figure], &study->series[i], figure);
            size_t width = width_of(cells[i][figure]);
            widths[figure] = width > widths[figure] ? width : widths[figure];
        }
    }
    fprintf(to, "  %-*s", (int)names, "setting");
    for (enum figure figure = 0; figure < FIGURES; figure++) {
        fputs("  ", to);
        put_right(columns[figure].heading, widths[figure], to);
    }
    fputc('\n', to);
    for (size_t i = 0; i < count; i++) {
        const char *name = study->settings.all[i].name;
        fprintf(to, "  %s%*s", name, (int)(names - width_of(name)), "");
        for (enum figure figure = 0; figure < FIGURES; figure++) {
            fputs("  ", to);
            put_right(cells[i][figure], widths[figure], to);
        }
        fputc('\n', to);
    }
    free(cells);
}

/* --- sentences --- */

static void print_front(const study_t *study, FILE *to)
{
    bool first = true;
    fprintf(to, "Pareto front, %s against %s:", columns[study->memory].heading, columns[study->time].heading);
    for (size_t i = 0; i < study->settings.count; i++)
        if (study->points[i].on_front) {
            fprintf(to, "%s %s", first ? "" : ",", study->settings.all[i].name);
            first = false;
        }
    fputs(first ? " no run counts\n" : "\n", to);
}

/* The knee against the two ends of the front. */
static void print_knee(const study_t *study, FILE *to)
{
    const point_t *knee = study->knee == FRONT_NONE ? NULL : &study->points[study->knee];
    const point_t *fastest = knee, *smallest = knee;
    if (knee == NULL)
        return;
    for (size_t i = 0; i < study->settings.count; i++) {
        const point_t *point = &study->points[i];
        fastest = point->on_front && point->time < fastest->time ? point : fastest;
        smallest = point->on_front && point->memory < smallest->memory ? point : smallest;
    }
    fprintf(
        to,
        "knee: %s: %.0f %% less memory and %.0f %% more time than %s, %.0f %% more memory and %.0f %% less time than %s\n",
        study->settings.all[study->knee].name, 100 * (1 - knee->memory / fastest->memory),
        100 * (knee->time / fastest->time - 1), study->settings.all[fastest - study->points].name,
        100 * (knee->memory / smallest->memory - 1), 100 * (1 - knee->time / smallest->time),
        study->settings.all[smallest - study->points].name);
}

static size_t settings_of_weir(const study_t *study)
{
    size_t count = 0;
    for (size_t i = 0; i < study->settings.count; i++)
        count += study->points[i].counts;
    return count;
}

static void print_differences(const study_t *study, FILE *to)
{
    bool memory = study_makes_no_difference(study, study->memory),
         time = study_makes_no_difference(study, study->time);
    if (settings_of_weir(study) < 2)
        return;
    if (memory)
        fprintf(to, "%s: the settings differ no more than their runs do%s\n", columns[study->memory].heading,
                time ? "; nor in time: the knob does nothing here" : "");
}

/* Each reason once for a setting. */
static void print_failure(const study_t *study, size_t setting, FILE *to)
{
    const series_t *series = &study->series[setting];
    const run_t *run = series->runs;
    while (run_is_good(run))
        run++;
    fprintf(to, "failed: %s: %zu of %zu runs: ", study->settings.all[setting].name,
            series->count - series->good, series->count);
    if (run->error != 0)
        fprintf(to, "%s: %s", study->measure.program[0], strerror(run->error));
    else if (WIFSIGNALED(run->status))
        fprintf(to, "signal %d (%s)", WTERMSIG(run->status), strsignal(WTERMSIG(run->status)));
    else
        fprintf(to, "status %d", WEXITSTATUS(run->status));
    fprintf(to, "%s%s\n", run->last_words[0] != '\0' ? ": " : "", run->last_words);
}

static void print_remarks(const study_t *study, FILE *to)
{
    size_t without = 0;
    unsigned left = 0;
    for (size_t i = 0; i < study->settings.count; i++) {
        const series_t *series = &study->series[i];
        without += study->settings.all[i].library == NULL && series->good > 0 && series->accounts == 0;
        for (size_t run = 0; run < series->count; run++)
            left = series->runs[run].left > left ? series->runs[run].left : left;
    }
    if (without > 0)
        fprintf(to, "no account came from the program: it is not on weir, or ends by _exit or a signal\n");
    if (left > 0)
        fprintf(to, "the program left %u process%s running; they were ended after each run\n", left,
                left == 1 ? "" : "es");
}

void print_findings(const study_t *study, FILE *to)
{
    print_front(study, to);
    print_knee(study, to);
    print_differences(study, to);
    for (size_t i = 0; i < study->settings.count; i++)
        if (study->series[i].good < study->series[i].count)
            print_failure(study, i, to);
    print_remarks(study, to);
}

/* --- JSON --- */

static void put_string(const char *text, FILE *to)
{
    fputc('"', to);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < ' ')
            fprintf(to, "\\u%04x", c);
        else
            fputc(c, to);
    }
    fputc('"', to);
}

static void put_string_or_null(const char *name, const char *text, FILE *to)
{
    fprintf(to, ", \"%s\": ", name);
    if (text != NULL)
        put_string(text, to);
    else
        fputs("null", to);
}

static void put_number(const char *before, const char *name, double value, FILE *to)
{
    fprintf(to, value == floor(value) ? "%s\"%s\": %.0f" : "%s\"%s\": %.6f", before, name, value);
}

static void put_run(const run_t *run, FILE *to)
{
    fprintf(to, "{\"failed\": %s", run_is_good(run) ? "false" : "true");
    if (run->error != 0)
        put_string_or_null("error", strerror(run->error), to);
    else if (WIFSIGNALED(run->status))
        fprintf(to, ", \"signal\": %d", WTERMSIG(run->status));
    else
        fprintf(to, ", \"status\": %d", WEXITSTATUS(run->status));
    put_number(", ", "wall_s", run->wall, to);
    put_number(", ", "cpu_s", run->cpu, to);
    fprintf(to,
            ", \"peak_bytes\": %ju, \"average_bytes\": %ju, \"accounts\": %u, \"cycles\": %ju, "
            "\"longest_stop_ns\": %ju, \"released_bytes\": %ju}",
            (uintmax_t)run->peak, (uintmax_t)run->average, run->accounts, (uintmax_t)run->cycles,
            (uintmax_t)run->stop_ns, (uintmax_t)run->released);
}

static void put_summaries(const series_t *series, FILE *to)
{
    fputs(", \"median\": ", to);
    if (series->good == 0) {
        fputs("null, \"spread\": null", to);
        return;
    }
    for (enum figure figure = 0; figure < FIGURES; figure++)
        put_number(figure == 0 ? "{" : ", ", columns[figure].key, series->figures[figure].median, to);
    fputs("}, \"spread\": ", to);
    for (enum figure figure = 0; figure < FIGURES; figure++)
        put_number(figure == 0 ? "{" : ", ", columns[figure].key, summary_spread(&series->figures[figure]),
                   to);
    fputc('}', to);
}

static void put_series(const study_t *study, size_t i, FILE *to)
{
    const setting_t *setting = &study->settings.all[i];
    const series_t *series = &study->series[i];
    fputs("{\"name\": ", to);
    put_string(setting->name, to);
    put_string_or_null("malloc", setting->library == NULL ? "weir" : setting->name, to);
    put_string_or_null("gogc", setting->gogc, to);
    put_string_or_null("memlimit", setting->memlimit, to);
    fprintf(to, ", \"failed\": %zu, \"on_front\": %s, \"knee\": %s", series->count - series->good,
            study->points[i].on_front ? "true" : "false", study->knee == (int)i ? "true" : "false");
    put_summaries(series, to);
    fputs(", \"runs\": [", to);
    for (size_t run = 0; run < series->count; run++) {
        fputs(run > 0 ? ", " : "", to);
        put_run(&series->runs[run], to);
    }
    fputs("]}", to);
}

void print_json(const study_t *study, const char *extra, FILE *to)
{
    fputs("{\"command\": [", to);
    for (char **word = study->measure.program; *word != NULL; word++) {
        fputs(word > study->measure.program ? ", " : "", to);
        put_string(*word, to);
    }
    fprintf(
        to,
        "], \"collect\": %s, \"time\": \"%s\", \"memory\": \"%s\", \"no_difference\": %s, \"settings\": [",
        study->measure.collect ? "true" : "false", columns[study->time].key, columns[study->memory].key,
        study_makes_no_difference(study, study->memory) && study_makes_no_difference(study, study->time)
            ? "true"
            : "false");
    for (size_t i = 0; i < study->settings.count; i++) {
        fputs(i > 0 ? ", " : "", to);
        put_series(study, i, to);
    }
    fprintf(to, "]%s}\n", extra);
}
