/* The printed account: every field by its name, valid JSON, and nothing cut off at the largest values. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weir/pool.h>

#include "runtime/config/options.h"
#include "runtime/observe/stats_print.h"

static char printed[64 * 1024];

static void print(const weir_mem_stats *stats, bool json)
{
    int captured = memfd_create("stderr", 0), kept = dup(STDERR_FILENO);
    cr_assert_geq(dup2(captured, STDERR_FILENO), 0);
    errno = ERANGE;
    stats_print(stats, json);
    cr_expect_eq(errno, ERANGE, "errno is kept");
    dup2(kept, STDERR_FILENO);
    close(kept);
    ssize_t length = pread(captured, printed, sizeof printed - 1, 0);
    cr_assert_gt(length, 0);
    printed[length] = '\0';
    close(captured);
}

static void expect_printed(const char *part)
{
    cr_expect_not_null(strstr(printed, part), "\"%s\" is not in %s", part, printed);
}

/* An account of round numbers in which the identities of weir/stats.h hold. */
static const weir_mem_stats sample = {
    .alloc = 3 << 20,
    .total_alloc = (uint64_t)5 << 30,
    .sys = 11 << 20,
    .mallocs = 1000,
    .frees = 900,
    .heap_alloc = 3 << 20,
    .heap_sys = 10 << 20,
    .heap_idle = 6 << 20,
    .heap_inuse = 4 << 20,
    .heap_released = 5 << 20,
    .heap_objects = 100,
    .mspan_sys = 512 << 10,
    .other_sys = 512 << 10,
    .enable_gc = true,
    .num_size_classes = 2,
    .by_size = {{16, 7, 3}, {32, 1, 0}},
    .gc_percent = 50,
    .memory_limit = 256 << 20,
    .hard_limit = INT64_MAX,
    .hard_limit_refusals = 4,
    .os_releases = 12,
    .os_released_bytes = 96 << 20,
    .limit_releases = 2,
};

Test(stats_print, for_people)
{
    print(&sample, false);
    expect_printed("\n  live                   3.0 MiB   in 100 blocks\n");
    expect_printed("\n  allocated ever         5.0 GiB   in 1000 blocks, 900 freed\n");
    expect_printed("\n  heap in use            4.0 MiB   live and 1.0 MiB in free cells\n");
    expect_printed(
        "\n  heap idle              6.0 MiB   5.0 MiB of it not held: given back, or never touched\n");
    expect_printed("\n  held from the kernel   6.0 MiB   ");
    expect_printed("\n  given back ever       96.0 MiB   in 12 releases, 2 of them near a limit\n");
    expect_printed("\n  knobs: gogc 50, memlimit 256MiB, hardlimit off (refused 4)\n");
    cr_expect_null(strstr(printed, "cycles"), "no collector, no line of it");
}

Test(stats_print, cycles_for_people)
{
    weir_mem_stats stats = sample;
    stats.num_gc = 9;
    stats.num_forced_gc = 1;
    stats.pause_total_ns = 12345678;
    stats.gc_cpu_fraction = 0.0375;
    print(&stats, false);
    expect_printed(
        "\n  cycles 9, 1 of them asked for; the world stopped for 12.345 ms in all; 3.75 % of the processors\n");
}

Test(stats_print, for_programs)
{
    weir_mem_stats stats = sample;
    char pid[32];
    stats.num_gc = 3;
    stats.gc_cpu_fraction = 0.25;
    for (uint64_t i = 0; i < 3; i++)
        stats.pause_ns[i] = 100 + i;
    print(&stats, true);
    snprintf(pid, sizeof pid, "\"pid\": %d, ", getpid());
    expect_printed(pid);
    expect_printed("\"heap_inuse\": 4194304, ");
    expect_printed("\"gc_percent\": 50, \"memory_limit\": 268435456, \"hard_limit\": null, ");
    expect_printed("\"gc_cpu_fraction\": 0.250000, \"enable_gc\": true, \"debug_gc\": false, ");
    expect_printed("\"pause_ns\": [100, 101, 102], ");
    expect_printed(
        "\"by_size\": [{\"size\": 16, \"mallocs\": 7, \"frees\": 3}, {\"size\": 32, \"mallocs\": 1, \"frees\": 0}], \"shed\": [{\"rung\": \"idle\", ");
    expect_printed("{\"rung\": \"refusal\", \"taken\": 0, \"bytes\": 0}], \"budgets\": [], \"pools\": []}\n");
}

Test(stats_print, the_ring_of_pauses_begins_with_the_oldest)
{
    weir_mem_stats stats = sample;
    stats.num_gc = WEIR_STATS_PAUSES + 2;
    for (uint64_t cycle = 0; cycle < stats.num_gc; cycle++)
        stats.pause_ns[cycle % WEIR_STATS_PAUSES] = 1000 + cycle;
    print(&stats, true);
    expect_printed("\"pause_ns\": [1002, 1003, ");
    expect_printed(", 1256, 1257], ");
}

/* Reads one JSON value as far as the account needs it; NULL if it is none. */
static const char *skip_value(const char *c)
{
    if (strchr("{[", *c) != NULL) {
        char end = *c == '{' ? '}' : ']';
        bool named = *c++ == '{';
        for (bool first = true; *c != end; first = false) {
            if (!first && strncmp(c, ", ", 2) != 0)
                return NULL;
            c += first ? 0 : 2;
            if (named && (*c != '"' || (c = strstr(c, "\": ")) == NULL))
                return NULL;
            c = skip_value(c + (named ? 3 : 0));
            if (c == NULL)
                return NULL;
        }
        return c + 1;
    }
    if (*c == '"')
        return (c = strchr(c + 1, '"')) != NULL ? c + 1 : NULL;
    size_t length = strspn(c, "-.0123456789abcdefghijklmnopqrstuvwxyz");
    return length > 0 ? c + length : NULL;
}

Test(stats_print, the_largest_account_is_whole)
{
    weir_mem_stats stats;
    memset(&stats, 0xff, sizeof stats);
    stats.gc_cpu_fraction = 1;
    stats.enable_gc = stats.debug_gc = true;
    print(&stats, true);
    const char *end = skip_value(printed);
    cr_assert_not_null(end, "%s", printed);
    cr_expect_str_eq(end, "\n");
    memset(&stats, 0, sizeof stats);
    print(&stats, true);
    end = skip_value(printed);
    cr_assert_not_null(end, "%s", printed);
    cr_expect_str_eq(end, "\n");
}

/* coreutils close stderr in their exit handlers, and a later file may get its number. */
Test(stats_print, stderr_closed_before_exit)
{
    int captured = memfd_create("stderr", 0);
    cr_assert_geq(dup2(captured, STDERR_FILENO), 0);
    options.stats = OPTIONS_STATS_TEXT;
    stats_print_prepare();
    close(STDERR_FILENO);
    stats_print(&sample, false);
    cr_expect_gt(pread(captured, printed, sizeof printed, 0), 0);
}

static void use_pool(const char *name, int times)
{
    static char object[16];
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.name = name});
    for (int i = 0; i < times; i++) {
        weir_pool_put(pool, object);
        cr_assert_eq(weir_pool_get(pool), object);
    }
}

Test(stats_print, pools_that_were_used_are_listed)
{
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
    use_pool("say \"\\\t\"", 2);
    use_pool("never used", 0);
    use_pool(NULL, 1);
    print(&sample, false);
    expect_printed(
        "  pool \"say \"\\?\"\": 2 gets, 2 of them hits; 2 puts, 0 dropped; holds 0 objects, 0 B\n");
    expect_printed("  pool without a name: 1 gets, ");
    cr_expect_null(strstr(printed, "never used"));
    print(&sample, true);
    expect_printed(
        ", \"pools\": [{\"name\": \"say \\\"\\\\?\\\"\", \"gets\": 2, \"hits\": 2, \"misses\": 0, ");
    expect_printed("}, {\"name\": \"\", \"gets\": 1, ");
    expect_printed("}]}\n");
}

Test(stats_print, any_number_of_pools_fits)
{
    char name[16];
    enum { MANY = 200 };
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "number %d", i);
        use_pool(name, 1);
    }
    print(&sample, true);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "\"number %d\"", i);
        expect_printed(name);
    }
    expect_printed("}]}\n");
}
