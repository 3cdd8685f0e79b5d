/* harness: what the files of the benchmark harness share. The public face is include/weir/bench.h.
 *
 *   bench      the calls that a body makes: loop, timer, metrics
 *   runner     which benchmarks run, how often, under which names; how many iterations
 *   parallel   threads that share the iterations
 *   flags      the command line          match         -bench's pattern
 *   report     lines in Go's format      allocations   those so far, as weir counts them
 *   profile    -cpuprofile               main          main, for programs that have none
 *   memory     faults, the peak; the same start for all
 *
 * Everything here belongs to the main thread, but for what parallel.c says.
 */
#ifndef WEIR_BENCH_HARNESS_H
#define WEIR_BENCH_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/bench.h>

enum {
    NAME_SIZE = 512,             /* of a full benchmark name, with its end */
    KEYS_SIZE = 256,             /* of what -keys adds to it */
    MESSAGE_SIZE = 512,          /* of the reason of a failure */
    METRICS_MAX = 16,            /* figures of its own that a benchmark may report */
    UNIT_SIZE = 48,              /* of the name of a unit, with its end */
    THREAD_COUNTS_MAX = 16,      /* values of -cpu */
    ITERATIONS_MAX = 1000000000, /* as in Go: no measurement has more, but by -benchtime Nx */
};

/* --- flags --- */

struct flags {
    const char *pattern;                  /* -bench */
    int64_t nanoseconds;                  /* -benchtime 1s, */
    int64_t iterations;                   /* or, if not 0, -benchtime 100x */
    int64_t count;                        /* -count */
    bool allocations;                     /* -benchmem */
    const char *profile;                  /* -cpuprofile; NULL: none */
    const char *keys;                     /* -keys a=b,c=d: all names end in "/a=b/c=d". NULL: none */
    int thread_counts[THREAD_COUNTS_MAX]; /* -cpu */
    int thread_count_count;
};

enum flags_outcome { FLAGS_RUN, FLAGS_HELP, FLAGS_WRONG };

/* Help goes to stdout, what is wrong to stderr, both by flags_parse itself. */
enum flags_outcome flags_parse(struct flags *flags, int count, char **arguments);
/* "1.5s", "1m30s", "100ms" → nanoseconds, above 0; false if it is none. */
bool flags_parse_duration(const char *text, int64_t *nanoseconds);

/* --- match --- */

struct match;

/* The pattern of -bench, compiled; NULL, after a line on stderr, if it is none. */
struct match *match_new(const char *pattern);
void match_free(struct match *match);

enum match_outcome { MATCH_NONE, MATCH_ALL, MATCH_PARTS /* pattern has more levels: only parts run */ };
enum match_outcome match_name(const struct match *match, const char *full_name);

/* --- allocations --- */

struct allocated {
    uint64_t blocks, bytes; /* since the program began, */
    uint64_t released;      /* bytes given back to the kernel, */
    uint64_t collector_ns;  /* processor time of collections */
};

/* False, and zeros, if this process has no weir. */
bool allocations_read(struct allocated *now);

/* --- memory --- */

struct memory {
    uint64_t resident, faults; /* at the start of the call; at its end `faults` are the call's own */
    uint64_t peak;             /* bytes that were resident at most, more than at the beginning */
    bool has_peak;
};

/* The same start for every benchmark, and for every call of its body. */
void memory_begin_benchmark(void);
void memory_begin_call(void);
void memory_begin(struct memory *memory);
void memory_end(struct memory *memory);

/* --- one run of a body --- */

struct metric {
    char unit[UNIT_SIZE];
    double value;
};

struct run {
    struct bench bench; /* what the body sees; its .run points back here */
    char name[NAME_SIZE];
    bench_body *body;
    void *context;
    struct runner *runner;
    int threads;

    bool timer_runs;
    int64_t elapsed, started;             /* nanoseconds; `started` while the timer runs */
    struct allocated allocated, at_start; /* likewise */
    bool counts_allocations;
    bool wants_memory; /* -benchmem */
    struct memory memory;
    int parallelism; /* of bench_set_parallelism */

    int64_t loop_total;           /* iterations that bench_loop has promised so far; 0: it was not called */
    bool loop_ended;              /* bench_loop has been false */
    int64_t last_n, last_elapsed; /* of the body's last call; parallel.c chooses its shares by them */

    int64_t bytes_per_iteration;
    bool wants_allocations;
    struct metric metrics[METRICS_MAX];
    int metric_count;

    bool has_parts, failed, skipped;
    char message[MESSAGE_SIZE]; /* why failed or skipped */
};

/* --- runner --- */

struct described_unit {
    struct described_unit *next;
    char *unit;
};

struct runner {
    struct flags flags;
    struct match *match;
    struct described_unit *units; /* those that have had their Unit line */
    int name_width;               /* of the column of names; grows */
    int suffix_width;             /* of the longest "-P" */
    bool header_printed;
    bool failed; /* one of the benchmarks */
};

/* How many iterations to try next, after `done` of them took `elapsed`: Go's predictN. */
int64_t runner_predict(int64_t goal, int64_t done, int64_t elapsed);

/* --- report --- */

void report_header(struct runner *runner); /* the configuration lines, once */
void report_result(struct runner *runner, const struct run *run);
void report_end(struct runner *runner, const struct run *run, const char *how); /* "FAIL" or "SKIP" */
void report_unit(struct runner *runner, const char *unit, const char *description);
/* The part of the line behind the name and a tab, without a newline, cut to `size` bytes; REPORT_SIZE are
 * always enough. */
enum { REPORT_SIZE = 4096 };
void report_format(const struct run *run, char *line, size_t size);
void report_units_free(struct runner *runner);

/* --- profile --- */

/* False after a line on stderr: no library, or the file cannot be written. */
bool profile_start(const char *path);
void profile_stop(void);

#endif
