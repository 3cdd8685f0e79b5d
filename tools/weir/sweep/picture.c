/* picture: see picture.h. The data stand in the script, which goes to gnuplot's standard input. */
#include "tools/weir/sweep/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/command.h"
#include "tools/weir/sweep/print.h"

static const double MIB = 1024 * 1024;

/* In a gnuplot string between double quotes. */
static void put_text(const char *text, FILE *to)
{
    for (; *text != '\0'; text++)
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else
            fputc((unsigned char)*text < ' ' ? '?' : *text, to);
}

static void put_point(const study_t *study, size_t i, FILE *to)
{
    const sweep_summary_t *time = &study->series[i].figures[study->time],
                          *memory = &study->series[i].figures[study->memory];
    fprintf(to, "%.6f %.6f %.6f %.6f %.6f %.6f \"", time->median, memory->median / MIB, time->low, time->high,
            memory->low / MIB, memory->high / MIB);
    put_text(study->settings.all[i].name, to);
    fputs("\"\n", to);
}

/* A block of data with the points of one kind; false: there are none. */
static bool put_points(const study_t *study, const char *name, bool baseline, FILE *to)
{
    bool any = false;
    fprintf(to, "$%s << WEIR_END\n", name);
    for (size_t i = 0; i < study->settings.count; i++)
        if (study->series[i].good > 0 && (study->settings.all[i].library != NULL) == baseline) {
            put_point(study, i, to);
            any = true;
        }
    fputs("WEIR_END\n", to);
    return any;
}

static int by_time(const void *left, const void *right)
{
    const point_t *a = left, *b = right;
    return (a->time > b->time) - (a->time < b->time);
}

/* From the fastest to the smallest. */
static void put_front(const study_t *study, FILE *to)
{
    size_t count = study->settings.count;
    point_t *points = memory_new(count, sizeof *points);
    memcpy(points, study->points, count * sizeof *points);
    qsort(points, count, sizeof *points, by_time);
    fputs("$front << WEIR_END\n", to);
    for (size_t i = 0; i < count; i++)
        if (points[i].on_front)
            fprintf(to, "%.6f %.6f\n", points[i].time, points[i].memory / MIB);
    fputs("WEIR_END\n", to);
    free(points);
}

static void put_title(const study_t *study, FILE *to)
{
    char title[80];
    size_t length = 0;
    for (char **word = study->measure.program; *word != NULL && length < sizeof title; word++)
        length +=
            (size_t)snprintf(title + length, sizeof title - length, "%s%s", length > 0 ? " " : "", *word);
    fputs("set title \"", to);
    put_text(title, to);
    fputs(length >= sizeof title ? "..." : "", to);
    fputs(study->measure.collect ? " (collected)\" noenhanced\n" : "\" noenhanced\n", to);
}

/* Memory from 0, or by powers of two where the largest is many times the smallest. */
static const char *scale_of(const study_t *study)
{
    enum { MANY = 8 };
    double low = 0, high = 0;
    for (size_t i = 0; i < study->settings.count; i++) {
        double memory = study->series[i].figures[study->memory].median;
        if (study->series[i].good == 0 || memory <= 0)
            continue;
        low = low == 0 || memory < low ? memory : low;
        high = memory > high ? memory : high;
    }
    return high > MANY * low ? "set logscale y 2" : "set yrange [0:*]";
}

static void put_style(const study_t *study, FILE *to)
{
    put_title(study, to);
    fprintf(to,
            "set xlabel \"%s, seconds\"\nset ylabel \"%s resident memory, MiB\"\n%s\n"
            "set offsets graph 0.08, graph 0.18, graph 0.08, 0\nset grid lc rgb '#dddddd'\nset border 3\n"
            "set tics nomirror\nset key outside top center horizontal noenhanced\nset pointsize 1.1\n",
            study->time == FIGURE_CPU ? "processor time" : "time",
            study->memory == FIGURE_PEAK ? "peak" : "average", scale_of(study));
}

static void put_plot(const study_t *study, bool settings, bool baselines, FILE *to)
{
    const char *labels = "using 1:2:7 with labels left offset 0.9,0.6 noenhanced notitle";
    fputs("plot $front with lines lw 2 lc rgb '#5b8fd9' title 'Pareto front'", to);
    if (settings)
        fprintf(to,
                ", $settings using 1:2:3:4:5:6 with xyerrorbars pt 7 ps 0.2 lc rgb '#9db8de' notitle, "
                "$settings using 1:2 with points pt 7 lc rgb '#1f4e9c' title 'weir', $settings %s",
                labels);
    if (baselines)
        fprintf(to,
                ", $baselines using 1:2:3:4:5:6 with xyerrorbars pt 9 ps 0.2 lc rgb '#e0b58a' notitle, "
                "$baselines using 1:2 with points pt 9 lc rgb '#c26a12' title 'other mallocs', $baselines %s",
                labels);
    if (study->knee != FRONT_NONE) {
        const point_t *knee = &study->points[study->knee];
        fprintf(to, ", '-' using 1:2 with points pt 6 ps 2.6 lw 2 lc rgb '#c2185b' title \"knee: ");
        put_text(study->settings.all[study->knee].name, to);
        fprintf(to, "\"\n%.6f %.6f\ne", knee->time, knee->memory / MIB);
    }
    fputc('\n', to);
}

static void put_script(const study_t *study, const char *name, FILE *to)
{
    bool settings = put_points(study, "settings", false, to),
         baselines = put_points(study, "baselines", true, to);
    static const char *const terminals[][2] = {
        {"svg", "svg size 820,520 dynamic font 'sans,13' background 'white'"},
        {"png", "pngcairo size 820,520 font 'sans,10'"}};
    put_front(study, to);
    put_style(study, to);
    for (size_t i = 0; i < 2; i++) {
        fprintf(to, "set terminal %s\nset output \"", terminals[i][1]);
        put_text(name, to);
        fprintf(to, ".%s\"\n", terminals[i][0]);
        put_plot(study, settings, baselines, to);
    }
    fputs("set output\n", to);
}

/* Start gnuplot with its input from `input`. Returns its process id, or a negative number; *error: why it
 * could not be executed, or 0. */
static pid_t start_gnuplot(int input, int *error)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(input, STDIN_FILENO);
        execlp("gnuplot", "gnuplot", "-", (char *)NULL);
        if (write(report[1], &errno, sizeof errno) < 0)
            _exit(EXIT_OWN_FAILURE);
        _exit(EXIT_NOT_FOUND);
    }
    close(report[1]);
    if (child > 0 && read(report[0], error, sizeof *error) != sizeof *error)
        *error = 0;
    close(report[0]);
    return child;
}

static bool has_points(const study_t *study)
{
    size_t good = 0;
    for (size_t i = 0; i < study->settings.count; i++)
        good += study->series[i].good;
    return good > 0;
}

bool picture_draw(const study_t *study, const char *name)
{
    if (!has_points(study))
        return false;
    FILE *script = tmpfile();
    int status = -1, error = 0;
    if (script == NULL) {
        fprintf(stderr, "weir %s: %s\n", study->measure.command->name, strerror(errno));
        return false;
    }
    put_script(study, name, script);
    rewind(script);
    pid_t child = start_gnuplot(fileno(script), &error);
    if (child > 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    fclose(script);
    if (error == ENOENT)
        fprintf(stderr, "weir %s: gnuplot is not installed: there is no picture\n",
                study->measure.command->name);
    else if (status != 0)
        fprintf(stderr, "weir %s: gnuplot could not draw %s.svg\n", study->measure.command->name, name);
    return status == 0;
}
