/* flags: the command line of a benchmark program, by the names of `go test`. "-flag value", "-flag=value" and
 * two dashes mean the same.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness/harness.h"

bool flags_parse_duration(const char *text, int64_t *nanoseconds)
{
    static const struct {
        const char *name;
        double length;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    double sum = 0;
    do {
        if (strspn(text, "0123456789.") == 0)
            return false;
        char *end;
        double value = strtod(text, &end);
        size_t u = 0, length = strcspn(end, "0123456789.");
        while (u < sizeof units / sizeof units[0] &&
               !(strlen(units[u].name) == length && strncmp(units[u].name, end, length) == 0))
            u++;
        if (u == sizeof units / sizeof units[0])
            return false;
        sum += value * units[u].length;
        text = end + length;
    } while (*text != '\0');
    *nanoseconds = sum < 9e18 ? llround(sum) : INT64_MAX;
    return *nanoseconds > 0;
}

/* A number from 1 on, with nothing behind it but `end`. */
static bool parse_number(const char *text, const char *end, int64_t *number)
{
    char *rest;
    errno = 0;
    long long value = strtoll(text, &rest, 10);
    if (errno != 0 || rest == text || strcmp(rest, end) != 0 || value < 1)
        return false;
    *number = value;
    return true;
}

static bool set_pattern(struct flags *flags, const char *value)
{
    flags->pattern = value;
    return true;
}

static bool set_time(struct flags *flags, const char *value)
{
    flags->iterations = 0;
    return parse_number(value, "x", &flags->iterations) || flags_parse_duration(value, &flags->nanoseconds);
}

static bool set_count(struct flags *flags, const char *value)
{
    return parse_number(value, "", &flags->count);
}

static bool set_threads(struct flags *flags, const char *value)
{
    char numbers[256], *rest = NULL;
    if (snprintf(numbers, sizeof numbers, "%s", value) >= (int)sizeof numbers)
        return false;
    flags->thread_count_count = 0;
    for (char *word = strtok_r(numbers, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        int64_t number;
        if (flags->thread_count_count == THREAD_COUNTS_MAX || !parse_number(word, "", &number) ||
            number > 4096)
            return false;
        flags->thread_counts[flags->thread_count_count++] = (int)number;
    }
    return flags->thread_count_count > 0;
}

/* "a=b,c=d": what benchstat reads as keys of the name. */
static bool set_keys(struct flags *flags, const char *value)
{
    flags->keys = value;
    if (strlen(value) >= KEYS_SIZE || strpbrk(value, " \t\r\n/") != NULL)
        return false;
    for (size_t length; *value != '\0'; value += length + (value[length] == ',')) {
        length = strcspn(value, ",");
        const char *equals = memchr(value, '=', length);
        if (equals == NULL || equals == value)
            return false;
    }
    return true;
}

static bool set_profile(struct flags *flags, const char *value)
{
    flags->profile = value;
    return value[0] != '\0';
}

static bool set_allocations(struct flags *flags, const char *value)
{
    flags->allocations = strcmp(value, "false") != 0;
    return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
}

static const struct flag {
    const char *name, *value, *meaning;
    bool (*set)(struct flags *flags, const char *value);
    bool alone; /* means "true" without a value; takes one only behind '=' */
} known[] = {
    {"bench", "REGEX", "run what matches, level by level of the name (.)", set_pattern, false},
    {"benchtime", "T", "how long, such as 1s, or how many iterations, such as 100x (1s)", set_time, false},
    {"count", "N", "measure each benchmark N times (1)", set_count, false},
    {"benchmem", "", "report allocations, page faults, the peak, and what weir's account knows",
     set_allocations, true},
    {"keys", "LIST", "KEY=VALUE,... at the end of all names, such as alloc=weir,gogc=50", set_keys, false},
    {"cpu", "LIST", "numbers of threads for parallel benchmarks, such as 1,2 (all processors)", set_threads,
     false},
    {"cpuprofile", "FILE", "write a processor profile for go tool pprof", set_profile, false},
};

static void print_help(const char *program)
{
    printf("usage: %s [flags]\n\n", program);
    for (size_t f = 0; f < sizeof known / sizeof known[0]; f++) {
        int width = printf("  -%s %s", known[f].name, known[f].value);
        printf("%*s%s\n", 22 - width, "", known[f].meaning);
    }
}

static const struct flag *find(const char *name, size_t length)
{
    for (size_t f = 0; f < sizeof known / sizeof known[0]; f++)
        if (strlen(known[f].name) == length && strncmp(known[f].name, name, length) == 0)
            return &known[f];
    return NULL;
}

/* Parse the flag at *place and step over what belongs to it. */
static bool parse_flag(struct flags *flags, char ***place)
{
    const char *word = *(*place)++;
    const char *name = word + strspn(word, "-");
    size_t length = strcspn(name, "=");
    const struct flag *flag = name == word || name - word > 2 ? NULL : find(name, length);
    if (flag == NULL) {
        fprintf(stderr, "%s: no such flag; -help lists them\n", word);
        return false;
    }
    const char *value = "true";
    if (name[length] == '=')
        value = name + length + 1;
    else if (!flag->alone)
        value = **place != NULL ? *(*place)++ : "";
    if (flag->set(flags, value))
        return true;
    fprintf(stderr, "-%s: \"%s\": expected %s: %s\n", flag->name, value,
            flag->alone ? "true or false" : flag->value, flag->meaning);
    return false;
}

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

enum flags_outcome flags_parse(struct flags *flags, int count, char **arguments)
{
    *flags = (struct flags){.pattern = ".", .nanoseconds = 1000000000, .count = 1, .thread_count_count = 1};
    flags->thread_counts[0] = processors();
    for (char **place = arguments + (count > 0); *place != NULL;) {
        const char *name = *place + strspn(*place, "-");
        if (name != *place && (strcmp(name, "help") == 0 || strcmp(name, "h") == 0)) {
            print_help(arguments[0]);
            return FLAGS_HELP;
        }
        if (!parse_flag(flags, &place))
            return FLAGS_WRONG;
    }
    return FLAGS_RUN;
}
