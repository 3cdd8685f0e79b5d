/* weir bench: would it be faster with a pool, with an arena, under another malloc? The installed benchmarks,
 * or the caller's program, under each candidate, interleaved; the table is that of weir benchstat. The parts
 * are in tools/weir/bench.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weir/arguments.h"
#include "tools/weir/bench/rounds.h"
#include "tools/weir/benchstat/memory.h"
#include "tools/weir/command.h"
#include "tools/weir/sweep/measure.h"

enum { MOST_ROUNDS = 1000 };

struct bench_choice {
    rounds_t rounds;
    const char *family;
    bool keeps; /* the folder */
};

static int take_bench_option(struct bench_choice *choice, char **arguments, int *at)
{
    const char *flag = arguments[*at], *count = arguments_value("--count", arguments, at);
    const char *benchtime = count == NULL ? arguments_value("--benchtime", arguments, at) : NULL;
    const char *match = count == NULL && benchtime == NULL ? arguments_value("--bench", arguments, at) : NULL;
    const char *keep =
        match == NULL && count == NULL && benchtime == NULL ? arguments_value("--keep", arguments, at) : NULL;
    if (count != NULL) {
        char *end;
        unsigned long rounds = strtoul(count, &end, 10);
        if (*count < '0' || *count > '9' || *end != '\0' || rounds < 1 || rounds > MOST_ROUNDS)
            return command_bad_usage(&command_bench, "--count \"%s\": expected a number of rounds", count);
        choice->rounds.count = (unsigned)rounds;
        return 0;
    }
    const char *value = benchtime != NULL ? benchtime : match != NULL ? match : keep;
    if (value == NULL)
        return command_bad_usage(&command_bench, "unknown option \"%s\"", flag);
    if (*value == '\0')
        return command_bad_usage(&command_bench, "%s: expected a value", flag);
    *(benchtime != NULL ? &choice->rounds.benchtime
      : match != NULL   ? &choice->rounds.match
                        : &choice->rounds.folder) = value;
    choice->keeps |= keep != NULL;
    return 0;
}

/* "--" begins the caller's program. */
static int take_all(struct bench_choice *choice, int count, char **arguments)
{
    for (int at = 1; at < count; at++) {
        int status = 0;
        if (strcmp(arguments[at], "--") == 0) {
            if (at + 1 == count)
                return command_bad_usage(&command_bench, "expected a program after --");
            choice->rounds.program = arguments + at + 1;
            break;
        }
        if (arguments[at][0] == '-')
            status = take_bench_option(choice, arguments, &at);
        else if (choice->family == NULL)
            choice->family = arguments[at];
        else
            status =
                command_bad_usage(&command_bench, "\"%s\": a program to run stands behind --", arguments[at]);
        if (status != 0)
            return status;
    }
    if (choice->family == NULL)
        return command_bad_usage(&command_bench, "expected pool, arena or malloc");
    if (choice->rounds.program != NULL && strcmp(choice->family, "malloc") != 0)
        return command_bad_usage(&command_bench,
                                 "a program can be run under mallocs: weir bench malloc -- PROGRAM");
    return 0;
}

/* The keys of the configuration that would split the table are ignored. */
static int print_table(const rounds_t *rounds, const candidates_t *candidates)
{
    char **words = memory_new(candidates->count + 4, sizeof *words);
    size_t count = 0;
    words[count++] = (char *)"benchstat";
    words[count++] = (char *)"-ignore";
    words[count++] = (char *)"pkg,cpu,goos,goarch";
    for (size_t i = 0; i < candidates->count; i++) {
        char *path = rounds_path(rounds, &candidates->all[i]);
        if (asprintf(&words[count++], "%s=%s", candidates->all[i].label, path) < 0)
            memory_checked(NULL);
        free(path);
    }
    int status = command_benchstat.run((int)count, words);
    for (size_t i = 3; i < count; i++)
        free(words[i]);
    free(words);
    return status;
}

static void remove_files(const rounds_t *rounds, const candidates_t *candidates)
{
    for (size_t i = 0; i < candidates->count; i++) {
        char *path = rounds_path(rounds, &candidates->all[i]);
        unlink(path);
        free(path);
    }
    rmdir(rounds->folder);
}

static int run_bench(int count, char **arguments)
{
    char scratch[256];
    const char *temporary = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%.200s/weir-bench.XXXXXX",
             temporary != NULL && *temporary == '/' ? temporary : "/tmp");
    struct bench_choice choice = {.rounds = {.count = 6, .benchtime = "100ms", .match = "."}};
    candidates_t candidates = {0};
    int status = take_all(&choice, count, arguments);
    if (status != 0)
        return status;
    if (!candidates_find(&candidates, choice.family, choice.rounds.program != NULL))
        return candidates.count == 0 ? EXIT_USAGE : EXIT_OWN_FAILURE;
    if (!choice.keeps)
        choice.rounds.folder = mkdtemp(scratch);
    if (choice.rounds.folder == NULL ||
        (choice.keeps && mkdir(choice.rounds.folder, 0777) != 0 && errno != EEXIST)) {
        fprintf(stderr, "weir bench: %s: %s\n", choice.keeps ? choice.rounds.folder : scratch,
                strerror(errno));
        return EXIT_OWN_FAILURE;
    }
    measure_prepare();
    bool good = rounds_run(&choice.rounds, &candidates);
    status = good ? print_table(&choice.rounds, &candidates) : EXIT_OWN_FAILURE;
    if (!choice.keeps)
        remove_files(&choice.rounds, &candidates);
    return measure_interrupted() != 0 ? 128 + measure_interrupted() : status;
}

const struct command command_bench = {
    .name = "bench",
    .usage = "[OPTION]... pool|arena|malloc\n"
             "       weir bench [OPTION]... malloc -- PROGRAM [ARGUMENT]...",
    .summary = "Compare pools, arenas and mallocs, or a program under several mallocs",
    .details =
        "  pool                  weir's pool, and malloc and free under each malloc\n"
        "  arena                 weir's arena, malloc and free, and obstack\n"
        "  malloc                malloc and free under each malloc\n"
        "  malloc -- PROGRAM     the program under each malloc: time, processor time, peak, average memory\n"
        "  --count N             rounds (6); fewer than 4 cannot tell a difference from noise\n"
        "  --benchtime T         for each benchmark, such as 1s or 100x (100ms)\n"
        "  --bench REGEX         only benchmarks that match (.)\n"
        "  --keep FOLDER         keep the results there, a file for each column, for weir benchstat\n"
        "\n"
        "The mallocs are those that are installed: the C library's, weir, jemalloc, mimalloc, tcmalloc. The runs\n"
        "are interleaved. The other columns are compared with the first.\n",
    .run = run_bench,
};
