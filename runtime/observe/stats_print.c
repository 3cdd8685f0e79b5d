/* stats_print: see stats_print.h. Text is built in one static buffer: at exit the account is printed on
 * whatever stack exit was called on, and that may be a small one.
 */
#include "runtime/observe/stats_print.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/version.h>

#include "runtime/base/file.h"
#include "runtime/base/filter.h"
#include "runtime/base/text.h"
#include "runtime/config/options.h"
#include "runtime/observe/account_print.h"
#include "runtime/observe/pool_print.h"
#include "runtime/observe/stats.h"

static struct {
    int fd; /* a duplicate of stderr, with a number that programs hardly use; 0: none */
    dev_t device;
    ino_t inode; /* the file that it refers to: the program may close it and reuse the number */
    /* Of WEIR_STATS_FILE; empty: stderr. A copy, since the environment may change while the program runs. */
    char path[PATH_MAX];
    weir_mem_stats stats; /* of stats_print_now */
    char room[32 * 1024]; /* fits the JSON with every counter at its largest */
} printer;

/* --- Whether, and where to --- */

bool stats_print_is_asked(void)
{
    return options.stats != OPTIONS_STATS_OFF && (options.statspid == 0 || options.statspid == getpid());
}

void stats_print_prepare(void)
{
    enum { HIGH = 900 }; /* under the usual soft limit of 1024 */
    struct stat status;
    int saved = errno;
    if (!stats_print_is_asked() && !options.leaks)
        return;
    const char *path = stats_print_is_asked() ? getenv("WEIR_STATS_FILE") : NULL;
    if (path != NULL && strlen(path) < sizeof printer.path)
        strcpy(printer.path, path);
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, HIGH);
    if (fd >= 0 && fstat(fd, &status) == 0) {
        printer.fd = fd;
        printer.device = status.st_dev;
        printer.inode = status.st_ino;
    }
    errno = saved;
}

int stats_print_fd(void)
{
    struct stat status;
    bool is_ours = printer.fd > 0 && fstat(printer.fd, &status) == 0 && status.st_dev == printer.device &&
                   status.st_ino == printer.inode;
    return is_ours ? printer.fd : STDERR_FILENO;
}

/* The most memory the process ever had resident. /proc/self/status has it for this program; getrusage also
 * counts what was resident before the process called exec. */
static uint64_t peak_resident(void)
{
    char status[4096];
    const char *line =
        file_read("/proc/self/status", status, sizeof status) ? strstr(status, "VmHWM:") : NULL;
    if (line != NULL) {
        uint64_t kib = 0;
        line += strcspn(line, "0123456789");
        for (; *line >= '0' && *line <= '9'; line++)
            kib = kib * 10 + (uint64_t)(*line - '0');
        return kib * 1024;
    }
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

/* --- For programs --- */

struct field {
    const char *name;
    size_t offset;
};

#define FIELD(name)                                                                                          \
    {                                                                                                        \
#name, offsetof(weir_mem_stats, name)                                                                \
    }
static const struct field counters[] = {
    FIELD(alloc),
    FIELD(total_alloc),
    FIELD(sys),
    FIELD(lookups),
    FIELD(mallocs),
    FIELD(frees),
    FIELD(heap_alloc),
    FIELD(heap_sys),
    FIELD(heap_idle),
    FIELD(heap_inuse),
    FIELD(heap_released),
    FIELD(heap_objects),
    FIELD(stack_inuse),
    FIELD(stack_sys),
    FIELD(mspan_inuse),
    FIELD(mspan_sys),
    FIELD(mcache_inuse),
    FIELD(mcache_sys),
    FIELD(buck_hash_sys),
    FIELD(gc_sys),
    FIELD(other_sys),
    FIELD(next_gc),
    FIELD(last_gc),
    FIELD(pause_total_ns),
    FIELD(num_gc),
    FIELD(num_forced_gc),
    FIELD(num_size_classes),
    FIELD(large_objects),
    FIELD(large_bytes),
    FIELD(arena_bytes),
    FIELD(hard_limit_refusals),
    FIELD(os_releases),
    FIELD(os_released_bytes),
    FIELD(limit_releases),
    FIELD(gc_live),
    FIELD(gc_heap),
    FIELD(pause_max_ns),
    FIELD(gc_cpu_ns),
    FIELD(process_resident),
    FIELD(foreign_bytes),
    FIELD(peak_held),
};
/* The knobs are signed, and one value of each means "none": null in JSON. */
static const struct {
    struct field field;
    int64_t none;
} knobs[] = {
    {FIELD(gc_percent), OPTIONS_OFF},
    {FIELD(memory_limit), OPTIONS_NO_LIMIT},
    {FIELD(hard_limit), OPTIONS_NO_LIMIT},
};
#undef FIELD

enum { COUNTERS = sizeof counters / sizeof counters[0], KNOBS = sizeof knobs / sizeof knobs[0] };
/* A new field belongs in one of these tables. The 2 stands for gc_cpu_fraction and for the two flags with
 * their padding; the other terms are the arrays. */
_Static_assert((COUNTERS + KNOBS + 2 + 2 * WEIR_STATS_PAUSES + 3 * WEIR_STATS_CLASSES +
                2 * WEIR_STATS_RUNGS) *
                       sizeof(uint64_t) ==
                   sizeof(weir_mem_stats),
               "every field of weir_mem_stats is printed");

static const char *const rung_names[WEIR_STATS_RUNGS] = {"idle",      "caches",     "victims",  "pools",
                                                         "shrinkers", "collection", "callback", "refusal"};

static uint64_t counter_at(const weir_mem_stats *stats, struct field field)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + field.offset, sizeof value);
    return value;
}

static void add_name(text_t *text, const char *name)
{
    text_add_str(text, ", \"");
    text_add_str(text, name);
    text_add_str(text, "\": ");
}

static void add_counter(text_t *text, const char *name, uint64_t value)
{
    add_name(text, name);
    text_add_u64(text, value);
}

/* The last pauses, oldest first. */
static void add_ring(text_t *text, const char *name, const uint64_t ring[WEIR_STATS_PAUSES], uint64_t cycles)
{
    uint64_t kept = cycles < WEIR_STATS_PAUSES ? cycles : WEIR_STATS_PAUSES;
    add_name(text, name);
    text_add_char(text, '[');
    for (uint64_t i = 0; i < kept; i++) {
        text_add_str(text, i > 0 ? ", " : "");
        text_add_u64(text, ring[(cycles - kept + i) % WEIR_STATS_PAUSES]);
    }
    text_add_char(text, ']');
}

static uint64_t millionths(double fraction)
{
    return fraction > 0 ? (uint64_t)(fraction * 1e6 + 0.5) : 0;
}

static void add_json(text_t *text, const weir_mem_stats *stats, int fd)
{
    text_add_str(text, "{\"weir\": \"");
    text_add_str(text, weir_version());
    text_add_char(text, '"');
    add_counter(text, "pid", (uint64_t)getpid());
    add_counter(text, "peak_resident", peak_resident());
    for (size_t i = 0; i < COUNTERS; i++)
        add_counter(text, counters[i].name, counter_at(stats, counters[i]));
    for (size_t i = 0; i < KNOBS; i++) {
        int64_t value = (int64_t)counter_at(stats, knobs[i].field);
        add_name(text, knobs[i].field.name);
        if (value == knobs[i].none)
            text_add_str(text, "null");
        else
            text_add_i64(text, value);
    }
    add_name(text, "gc_cpu_fraction");
    text_add_decimal(text, millionths(stats->gc_cpu_fraction), 6);
    add_name(text, "enable_gc");
    text_add_str(text, stats->enable_gc ? "true" : "false");
    add_name(text, "debug_gc");
    text_add_str(text, stats->debug_gc ? "true" : "false");
    add_ring(text, "pause_ns", stats->pause_ns, stats->num_gc);
    add_ring(text, "pause_end", stats->pause_end, stats->num_gc);
    add_name(text, "by_size");
    for (uint64_t i = 0; i < stats->num_size_classes && i < WEIR_STATS_CLASSES; i++) {
        text_add_str(text, i == 0 ? "[{\"size\": " : ", {\"size\": ");
        text_add_u64(text, stats->by_size[i].size);
        add_counter(text, "mallocs", stats->by_size[i].mallocs);
        add_counter(text, "frees", stats->by_size[i].frees);
        text_add_char(text, '}');
    }
    text_add_str(text, stats->num_size_classes > 0 ? "]" : "[]");
    add_name(text, "shed");
    for (int rung = 0; rung < WEIR_STATS_RUNGS; rung++) {
        text_add_str(text, rung == 0 ? "[{\"rung\": \"" : ", {\"rung\": \"");
        text_add_str(text, rung_names[rung]);
        text_add_char(text, '"');
        add_counter(text, "taken", stats->shed[rung].taken);
        add_counter(text, "bytes", stats->shed[rung].bytes);
        text_add_str(text, rung + 1 < WEIR_STATS_RUNGS ? "}" : "}]");
    }
    add_name(text, "budgets");
    text_add_char(text, '[');
    account_print_json(text, fd);
    text_add_char(text, ']');
    add_name(text, "pools");
    text_add_char(text, '[');
    pool_print_json(text, fd);
    text_add_str(text, "]}\n");
}

/* --- For people --- */

static void add_label(text_t *text, const char *label)
{
    text_add_str(text, "  ");
    text_add_str(text, label);
}

/* "  label      1.5 MiB", the figure ending at one column for all lines. */
static void add_figure(text_t *text, const char *label, uint64_t bytes)
{
    enum { FIGURES_END = 32 };
    add_label(text, label);
    size_t from = text->length;
    text_add_bytes(text, bytes);
    text_align_right(text, from, FIGURES_END);
}

/* A note behind a figure: "   before 1234 after". */
static void add_note(text_t *text, const char *before, uint64_t count, const char *after)
{
    text_add_str(text, before);
    text_add_u64(text, count);
    text_add_str(text, after);
}

static void add_bytes_note(text_t *text, const char *before, uint64_t bytes, const char *after)
{
    text_add_str(text, before);
    text_add_bytes(text, bytes);
    text_add_str(text, after);
}

static void add_knob(text_t *text, const char *before, enum options_index index, int64_t value)
{
    text_add_str(text, before);
    options_add_value(text, &options_table[index], value);
}

/* "  shed near a limit: idle 83 times 120.0 MiB, caches ...": the rungs that were taken. */
static void add_shed(text_t *text, const weir_mem_stats *stats)
{
    const char *before = "  shed near a limit: ";
    for (int rung = 0; rung < WEIR_STATS_RUNGS; rung++) {
        if (stats->shed[rung].taken == 0)
            continue;
        text_add_str(text, before);
        text_add_str(text, rung_names[rung]);
        add_note(text, " ", stats->shed[rung].taken, " times ");
        text_add_bytes(text, stats->shed[rung].bytes);
        before = ", ";
    }
    if (before[0] == ',')
        text_add_char(text, '\n');
}

static void add_table(text_t *text, const weir_mem_stats *stats, int fd)
{
    text_add_str(text, "weir ");
    text_add_str(text, weir_version());
    add_note(text, ": the account of process ", (uint64_t)getpid(), "\n");

    add_figure(text, "live", stats->heap_alloc);
    add_note(text, "   in ", stats->heap_objects, " blocks");
    if (stats->arena_bytes > 0)
        add_bytes_note(text, "; ", stats->arena_bytes, " of it in arenas");
    text_add_char(text, '\n');
    add_figure(text, "allocated ever", stats->total_alloc);
    add_note(text, "   in ", stats->mallocs, " blocks, ");
    add_note(text, "", stats->frees, " freed\n");
    add_figure(text, "heap in use", stats->heap_inuse);
    add_bytes_note(text, "   live and ", stats->heap_inuse - stats->heap_alloc, " in free cells\n");
    add_figure(text, "heap idle", stats->heap_idle);
    add_bytes_note(text, "   ", stats->heap_released, " of it not held: given back, or never touched\n");
    add_figure(text, "weir's own tables", stats->sys - stats->heap_sys);
    add_bytes_note(text, "   spans ", stats->mspan_sys, "");
    add_bytes_note(text, ", caches ", stats->mcache_sys, "");
    add_bytes_note(text, ", collector ", stats->gc_sys, "");
    add_bytes_note(text, ", other ",
                   stats->sys - stats->heap_sys - stats->mspan_sys - stats->mcache_sys - stats->gc_sys, "\n");
    add_figure(text, "held from the kernel", stats->sys - stats->heap_released);
    add_bytes_note(text, "   heap in use, idle less given back, tables; peak ", stats->peak_held, "\n");
    if (stats->process_resident > 0) {
        add_figure(text, "process holds", stats->process_resident);
        add_bytes_note(text, "   anonymous memory; ", stats->foreign_bytes,
                       " of it is not weir's, and counts against the limit\n");
    }
    add_figure(text, "peak resident", peak_resident());
    text_add_str(text, "   of the whole process\n");
    add_figure(text, "given back ever", stats->os_released_bytes);
    add_note(text, "   in ", stats->os_releases, " releases, ");
    add_note(text, "", stats->limit_releases, " of them near a limit\n");
    add_shed(text, stats);
    if (stats->num_gc > 0) {
        add_note(text, "  cycles ", stats->num_gc, ", ");
        add_note(text, "", stats->num_forced_gc, " of them asked for; the world stopped for ");
        text_add_decimal(text, stats->pause_total_ns / 1000, 3);
        text_add_str(text, " ms in all; ");
        text_add_decimal(text, millionths(stats->gc_cpu_fraction) / 100, 2);
        text_add_str(text, " % of the processors\n");
    }
    account_print_lines(text, fd);
    pool_print_lines(text, fd);
    add_knob(text, "  knobs: gogc ", OPTIONS_gogc, stats->gc_percent);
    add_knob(text, ", memlimit ", OPTIONS_memlimit, stats->memory_limit);
    add_knob(text, ", hardlimit ", OPTIONS_hardlimit, stats->hard_limit);
    add_note(text, " (refused ", stats->hard_limit_refusals, ")\n");
}

/* --- The two entries --- */

int stats_print_open(const char *path)
{
    int file = *path && filter_permits(FILTER_APPEND)
                   ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                   : -1;
    if (file >= 0)
        flock(file, LOCK_EX);
    return file;
}

bool stats_print_is_permitted(void)
{
    bool permitted = filter_permits(FILTER_REPORT);
    if (!permitted)
        text_say("weir: no report: the program's filter of system calls (seccomp) does not allow it\n");
    return permitted;
}

void stats_print(const weir_mem_stats *stats, bool json)
{
    int saved = errno;
    if (!stats_print_is_permitted())
        return;
    int file = stats_print_open(printer.path), fd = file >= 0 ? file : stats_print_fd();
    text_t text = text_on(printer.room, sizeof printer.room);
    if (json)
        add_json(&text, stats, fd);
    else
        add_table(&text, stats, fd);
    text_flush(&text, fd);
    if (file >= 0)
        close(file);
    errno = saved;
}

void stats_print_now(void)
{
    if (!stats_print_is_asked())
        return;
    stats_read(&printer.stats);
    stats_print(&printer.stats, options.stats == OPTIONS_STATS_JSON);
}

void stats_print_at_exit(void)
{
    stats_print_now();
}
