/* The options: every kind of value, every way to be wrong, the environment as a whole, and what is
 * printed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/config/options.h"
#include "runtime/os/self.h"
#include "runtime/process/memory_size.h"

#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)
#define TIB ((int64_t)1 << 40)
#define OFF OPTIONS_NO_LIMIT

static uint64_t memory_of_the_test = (uint64_t)8 << 30;

static uint64_t test_memory(void)
{
    return memory_of_the_test;
}

static struct options defaults(void)
{
    struct options fresh = {.memory = test_memory};
    for (size_t i = 0; i < OPTIONS_COUNT; i++)
        fresh.values[i] = options_table[i].initial;
    return fresh;
}

/* --- One value --- */

static const struct {
    const char *name, *value;
    enum options_index index;
    int64_t expected;
} good[] = {
    {"WEIR_GOGC", "off", OPTIONS_gogc, OPTIONS_OFF},
    {"WEIR_GOGC", "0", OPTIONS_gogc, 0},
    {"WEIR_GOGC", "50", OPTIONS_gogc, 50},
    {"WEIR_GOGC", "0100", OPTIONS_gogc, 100},
    {"WEIR_GOGC", "2147483647", OPTIONS_gogc, INT_MAX},
    {"WEIR_MEMLIMIT", "off", OPTIONS_memlimit, OFF},
    {"WEIR_MEMLIMIT", "0", OPTIONS_memlimit, 0},
    {"WEIR_MEMLIMIT", "12345", OPTIONS_memlimit, 12345},
    {"WEIR_MEMLIMIT", "12345B", OPTIONS_memlimit, 12345},
    {"WEIR_MEMLIMIT", "3KiB", OPTIONS_memlimit, 3 * KIB},
    {"WEIR_MEMLIMIT", "256MiB", OPTIONS_memlimit, 256 * MIB},
    {"WEIR_MEMLIMIT", "2GiB", OPTIONS_memlimit, 2 * GIB},
    {"WEIR_MEMLIMIT", "1TiB", OPTIONS_memlimit, TIB},
    {"WEIR_MEMLIMIT", "8388607TiB", OPTIONS_memlimit, 8388607 * TIB},
    {"WEIR_MEMLIMIT", "9223372036854775807", OPTIONS_memlimit, INT64_MAX},
    {"WEIR_MEMLIMIT", "100%", OPTIONS_memlimit, 8 * GIB},
    {"WEIR_MEMLIMIT", "50%", OPTIONS_memlimit, 4 * GIB},
    {"WEIR_MEMLIMIT", "90%", OPTIONS_memlimit, 7372 * MIB},
    {"WEIR_MEMLIMIT", "auto", OPTIONS_memlimit, 7372 * MIB},
    {"WEIR_MEMLIMIT", "1%", OPTIONS_memlimit, 8 * GIB / 100}, /* not rounded: below 100 MiB */
    {"WEIR_HARDLIMIT", "1GiB", OPTIONS_hardlimit, GIB},
    {"WEIR_HARDLIMIT", "auto", OPTIONS_hardlimit, 7372 * MIB},
    {"stats", "0", OPTIONS_stats, OPTIONS_STATS_OFF},
    {"stats", "1", OPTIONS_stats, OPTIONS_STATS_TEXT},
    {"stats", "json", OPTIONS_stats, OPTIONS_STATS_JSON},
    {"statspid", "4194304", OPTIONS_statspid, 4194304},
    {"onerror", "abort", OPTIONS_onerror, OPTIONS_ONERROR_ABORT},
    {"onerror", "warn", OPTIONS_onerror, OPTIONS_ONERROR_WARN},
    {"harden", "1", OPTIONS_harden, 1},
    {"guard", "1000", OPTIONS_guard, 1000},
    {"arenacheck", "1", OPTIONS_arenacheck, 1},
    {"verify", "1", OPTIONS_verify, 1},
    {"gctrace", "1", OPTIONS_gctrace, 1},
    {"gcstress", "100", OPTIONS_gcstress, 100},
    {"gcverify", "1", OPTIONS_gcverify, 1},
    {"stop", "signal", OPTIONS_stop, OPTIONS_STOP_SIGNAL},
    {"poison", "1", OPTIONS_poison, 1},
    {"leaks", "1", OPTIONS_leaks, 1},
    {"WEIR_PROFILE", "off", OPTIONS_profile, 0},
    {"WEIR_PROFILE_RATE", "1", OPTIONS_profile_rate, 1},
    {"WEIR_PROFILE_GROWTH", "256MiB", OPTIONS_profile_growth, 256 * MIB},
    {"WEIR_TRACE", "off", OPTIONS_trace, 0},
    {"WEIR_TRACE_SIZE", "4KiB", OPTIONS_trace_size, 4096},
    {"profilesignal", "12", OPTIONS_profilesignal, 12},
    {"escape", "1", OPTIONS_escape, 1},
    {"help", "1", OPTIONS_help, 1},
};

Test(options, good_values)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct options expected = defaults(), got = defaults();
        struct options_problem problem;
        expected.values[good[i].index] = good[i].expected;
        expected.sources[good[i].index] = OPTIONS_FROM_ENVIRONMENT;
        cr_expect(options_parse(&got, good[i].name, good[i].value, &problem), "%s=%s", good[i].name,
                  good[i].value);
        for (size_t j = 0; j < OPTIONS_COUNT; j++) {
            cr_expect_eq(got.values[j], expected.values[j], "%s=%s: %s is %lld", good[i].name, good[i].value,
                         options_table[j].name, (long long)got.values[j]);
            cr_expect_eq(got.sources[j], expected.sources[j]);
        }
    }
}

static const char bad_grammar[] = "", too_large[] = "too large";

static const struct {
    const char *name, *value, *detail;
} bad[] = {
    {"WEIR_GOGC", "x", bad_grammar},
    {"WEIR_GOGC", "-1", bad_grammar},
    {"WEIR_GOGC", "+1", bad_grammar},
    {"WEIR_GOGC", " 1", bad_grammar},
    {"WEIR_GOGC", "1 ", bad_grammar},
    {"WEIR_GOGC", "1.5", bad_grammar},
    {"WEIR_GOGC", "100%", bad_grammar},
    {"WEIR_GOGC", "OFF", bad_grammar},
    {"WEIR_GOGC", "off ", bad_grammar},
    {"WEIR_GOGC", "of", bad_grammar},
    {"WEIR_GOGC", "0x10", bad_grammar},
    {"WEIR_GOGC", "2147483648", too_large},
    {"WEIR_GOGC", "99999999999999999999999999", too_large},
    {"WEIR_GOGC", "99999999999999999999999999x", bad_grammar},
    {"WEIR_MEMLIMIT", "x", bad_grammar},
    {"WEIR_MEMLIMIT", "-1", bad_grammar},
    {"WEIR_MEMLIMIT", "MiB", bad_grammar},
    {"WEIR_MEMLIMIT", "256M", bad_grammar},
    {"WEIR_MEMLIMIT", "256MB", bad_grammar},
    {"WEIR_MEMLIMIT", "256mib", bad_grammar},
    {"WEIR_MEMLIMIT", "256 MiB", bad_grammar},
    {"WEIR_MEMLIMIT", "1.5GiB", bad_grammar},
    {"WEIR_MEMLIMIT", "1PiB", bad_grammar},
    {"WEIR_MEMLIMIT", "1MiB ", bad_grammar},
    {"WEIR_MEMLIMIT", "1MiBB", bad_grammar},
    {"WEIR_MEMLIMIT", "%", bad_grammar},
    {"WEIR_MEMLIMIT", "0%", bad_grammar},
    {"WEIR_MEMLIMIT", "101%", bad_grammar},
    {"WEIR_MEMLIMIT", "90%%", bad_grammar},
    {"WEIR_MEMLIMIT", "99999999999999999999%", bad_grammar},
    {"WEIR_MEMLIMIT", "Auto", bad_grammar},
    {"WEIR_MEMLIMIT", "9223372036854775808", too_large},
    {"WEIR_MEMLIMIT", "18446744073709551616", too_large},
    {"WEIR_MEMLIMIT", "9007199254740992KiB", too_large},
    {"WEIR_MEMLIMIT", "8388608TiB", too_large},
    {"WEIR_HARDLIMIT", "1G", bad_grammar},
    {"stats", "2", bad_grammar},
    {"stats", "", bad_grammar},
    {"stats", "0|1", bad_grammar},
    {"stats", "jso", bad_grammar},
    {"stats", "jsonx", bad_grammar},
    {"statspid", "", bad_grammar},
    {"statspid", "x", bad_grammar},
    {"statspid", "9223372036854775808", too_large},
    {"onerror", "1", bad_grammar},
    {"harden", "yes", bad_grammar},
    {"WEIR_PROFILE", "a\"b", bad_grammar},
    {"WEIR_PROFILE", "a\\b", bad_grammar},
    {"WEIR_PROFILE", "a\nb", bad_grammar},
};

Test(options, bad_values_change_nothing)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct options got = defaults(), before = got;
        struct options_problem problem;
        cr_expect_not(options_parse(&got, bad[i].name, bad[i].value, &problem), "%s=%s", bad[i].name,
                      bad[i].value);
        cr_assert_not_null(problem.row);
        cr_expect_str_eq(problem.row->name, bad[i].name);
        cr_expect_str_eq(problem.detail != NULL ? problem.detail : "", bad[i].detail, "%s=%s", bad[i].name,
                         bad[i].value);
        cr_expect_arr_eq(&got, &before, sizeof got);
    }
}

Test(options, names_that_are_none)
{
    static const char *const names[] = {"",          "WEIR_",  "WEIR_GOG", "WEIR_GOGCC",
                                        "weir_gogc", "statsx", "STATS"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct options got = defaults();
        struct options_problem problem;
        cr_expect_not(options_parse(&got, names[i], "1", &problem), "%s", names[i]);
        cr_expect_null(problem.row);
    }
}

Test(options, an_empty_variable_is_none)
{
    struct options got = defaults(), before = got;
    struct options_problem problem;
    cr_expect(options_parse(&got, "WEIR_GOGC", "", &problem));
    cr_expect(options_parse(&got, "WEIR_MEMLIMIT", "", &problem));
    cr_expect_arr_eq(&got, &before, sizeof got);
}

Test(options, a_share_of_an_unknown_memory)
{
    struct options got = defaults();
    struct options_problem problem;
    memory_of_the_test = MEMORY_SIZE_UNLIMITED;
    cr_expect_not(options_parse(&got, "WEIR_MEMLIMIT", "auto", &problem));
    cr_assert_not_null(problem.detail);
    cr_expect_eq(got.memlimit, OFF);
    memory_of_the_test = 1000;
    cr_expect(options_parse(&got, "WEIR_MEMLIMIT", "99%", &problem));
    cr_expect_eq(got.memlimit, 990);
}

/* --- WEIR_DEBUG --- */

/* The line about an unknown name, which lists the known ones. */
static void add_unknown(text_t *text, const char *what, bool is_key)
{
    text_add_str(text, what);
    for (const struct options_row *row = options_table; row < options_table + OPTIONS_COUNT; row++)
        if (row->is_key == is_key) {
            text_add_char(text, ' ');
            text_add_str(text, row->name);
        }
    text_add_str(text, is_key ? "\n" : " WEIR_DEBUG\n");
}

static char reports[2048];
static text_t reported;

static void collect(void *context, const struct options_problem *problem)
{
    options_add_problem(context, problem);
}

static void begin_reports(void)
{
    reported = text_on(reports, sizeof reports);
}

Test(options, debug_lists, .init = begin_reports)
{
    struct options got = defaults();
    options_parse_debug(&got, "", collect, &reported);
    options_parse_debug(&got, ",,,", collect, &reported);
    options_parse_debug(&got, "stats=json,statspid=77,onerror=warn", collect, &reported);
    cr_expect_eq(got.stats, OPTIONS_STATS_JSON);
    cr_expect_eq(got.statspid, 77);
    cr_expect_eq(got.onerror, OPTIONS_ONERROR_WARN);
    cr_expect_eq(got.harden, 0);
    cr_expect_eq(got.sources[OPTIONS_harden], OPTIONS_FROM_DEFAULT);
    options_parse_debug(&got, "stats=0,harden,stats=1,", collect, &reported);
    cr_expect_eq(got.stats, OPTIONS_STATS_TEXT, "the last of equal keys wins");
    cr_expect_eq(got.harden, 1, "a bare key is key=1");
    cr_expect_str_eq(reports, "");
}

Test(options, debug_problems, .init = begin_reports)
{
    struct options got = defaults();
    options_parse_debug(&got, "stats=2,statz=1,=1,statspid,onerror,verify=1", collect, &reported);
    char room[2048];
    text_t expected = text_on(room, sizeof room);
    text_add_str(&expected, "weir: WEIR_DEBUG=\"stats=2\": expected 0|1|json; using 0\n");
    add_unknown(&expected, "weir: WEIR_DEBUG=\"statz=1\": unknown key; there are", true);
    add_unknown(&expected, "weir: WEIR_DEBUG=\"=1\": unknown key; there are", true);
    text_add_str(&expected, "weir: WEIR_DEBUG=\"statspid\": expected a number; using 0\n"
                            "weir: WEIR_DEBUG=\"onerror\": expected abort|warn; using abort\n");
    cr_expect_str_eq(reports, room, "%s", reports);
    cr_expect_eq(got.verify, 1, "the rest of the list counts");
}

/* --- The environment --- */

/* Load from this environment; what came on stderr, as a string. */
static const char *load(const char *const *environment)
{
    static char said[16384];
    int captured = memfd_create("stderr", 0);
    int kept = dup(STDERR_FILENO);
    cr_assert_geq(dup2(captured, STDERR_FILENO), 0);
    char **before = environ;
    environ = (char **)environment;
    errno = ERANGE;
    options_load();
    cr_expect_eq(errno, ERANGE, "errno is kept");
    environ = before;
    dup2(kept, STDERR_FILENO);
    close(kept);
    ssize_t length = pread(captured, said, sizeof said - 1, 0);
    cr_assert_geq(length, 0);
    said[length] = '\0';
    close(captured);
    return said;
}

Test(options, before_loading_the_defaults_are_in_force)
{
    cr_expect_eq(options.gogc, 100);
    cr_expect_eq(options.memlimit, OFF);
    cr_expect_eq(options.hardlimit, OFF);
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        cr_expect_eq(options.values[i], options_table[i].initial);
        cr_expect_eq(options.sources[i], OPTIONS_FROM_DEFAULT);
    }
}

Test(options, load_takes_the_environment)
{
    const char *const environment[] = {"PATH=/bin",
                                       "WEIR=x",
                                       "WEIR_LIBRARY=/somewhere",
                                       "WEIR_GOGC=25",
                                       "WEIR_GOGC=30",
                                       "NOT_WEIR_GOGC=3",
                                       "WEIR_MEMLIMIT=64MiB",
                                       "WEIR_HARDLIMIT=",
                                       "WEIR_DEBUG=onerror=warn",
                                       NULL};
    cr_expect_str_eq(load(environment), "");
    cr_expect_eq(options.gogc, 25, "the first of equal variables counts, as in getenv");
    cr_expect_eq(options.memlimit, 64 * MIB);
    cr_expect_eq(options.hardlimit, OFF);
    cr_expect_eq(options.onerror, OPTIONS_ONERROR_WARN);
    cr_expect_eq(options.sources[OPTIONS_gogc], OPTIONS_FROM_ENVIRONMENT);
    cr_expect_eq(options.sources[OPTIONS_hardlimit], OPTIONS_FROM_DEFAULT);
}

Test(options, load_reports_each_problem_in_a_line)
{
    const char *const environment[] = {"WEIR_GOGC=x", "WEIR_MEMLIMIT=99999999TiB", "WEIR_MEMLIMT=1",
                                       "WEIR_\x1b[0m", NULL};
    const char *said = load(environment);
    char room[2048];
    text_t expected = text_on(room, sizeof room);
    text_add_str(&expected, "weir: WEIR_GOGC=\"x\": expected a percentage or \"off\"; using 100\n"
                            "weir: WEIR_MEMLIMIT=\"99999999TiB\": too large; using off\n");
    add_unknown(&expected, "weir: unknown variable \"WEIR_MEMLIMT\"; there are", false);
    add_unknown(&expected, "weir: unknown variable \"WEIR_?[0m\"; there are", false);
    cr_expect_str_eq(said, room, "%s", said);
    cr_expect_eq(options.gogc, 100);
    cr_expect_eq(options.memlimit, OFF);
}

Test(options, an_empty_environment)
{
    const char *const environment[] = {NULL};
    cr_expect_str_eq(load(environment), "");
}

/* Before libc has initialised itself `environ` is NULL, and the kernel's copy has to be found. */
Test(options, without_environ)
{
    char **kernels = (char **)(uintptr_t)os_first_stack_start();
    while (*kernels++ != NULL)
        ; /* the argument count and the arguments */
    kernels[0] = (char[]){"WEIR_GOGC=33"};
    load(NULL);
    cr_expect_eq(options.gogc, 33);
}

Test(options, help_prints_the_table_and_goes_on)
{
    const char *const environment[] = {"WEIR_DEBUG=help", "WEIR_GOGC=7", NULL};
    const char *said = load(environment);
    cr_expect_eq(options.gogc, 7);
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        cr_expect_not_null(strstr(said, options_table[i].name), "%s", options_table[i].name);
        cr_expect_not_null(strstr(said, options_table[i].meaning), "%s", options_table[i].name);
    }
    const char *row = strstr(said, "\nWEIR_GOGC ");
    char value[16], source[16];
    cr_assert_not_null(row, "%s", said);
    cr_expect_eq(sscanf(row, " WEIR_GOGC %15s %15s", value, source), 2);
    cr_expect_str_eq(value, "7");
    cr_expect_str_eq(source, "environment");
}

/* --- The table --- */

Test(options, the_rows_are_sound)
{
    char room[512];
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        const struct options_row *row = &options_table[i];
        cr_expect_eq(strncmp(row->name, "WEIR_", 5) == 0, !row->is_key, "%s", row->name);
        cr_expect_null(strpbrk(row->meaning, "\"\\\n"), "%s: not for JSON", row->name);
        cr_expect_leq(strlen(row->meaning), 70u, "%s: one line", row->name);
        cr_expect_eq(row->words[0] != '\0', row->kind == OPTIONS_CHOICE, "%s", row->name);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(row->name, options_table[j].name);
        text_t text = text_on(room, sizeof room);
        options_add_grammar(&text, row);
        options_add_expected(&text, row);
        cr_expect_gt(text.length, 0u);
    }
}

/* What is printed of a value is taken back by the parser as the same value. */
Test(options, values_survive_printing_and_parsing)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char room[64];
        text_t text = text_on(room, sizeof room);
        struct options got = defaults();
        struct options_problem problem;
        options_add_value(&text, &options_table[good[i].index], good[i].expected);
        cr_expect(options_parse(&got, good[i].name, room, &problem), "%s=%s", good[i].name, room);
        cr_expect_eq(got.values[good[i].index], good[i].expected, "%s=%s", good[i].name, room);
    }
}
