/* table: medians, comparisons and geometric means of one unit; texts and rules are those of
 * golang.org/x/perf/cmd/benchstat.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/statistics.h"
#include "tools/weir/benchstat/table.h"
#include "tools/weir/benchstat/unit.h"

enum { INTERVAL_SEARCH_MAX = 50, TEST_SEARCH_MAX = 9 };

static int sign(double value)
{
    return (value > 0) - (value < 0);
}

static void format_range(double low, double center, double high, char range[RANGE_SIZE])
{
    if (isinf(low) || isinf(high))
        strcpy(range, "∞");
    else if (sign(low) != sign(center) || sign(high) != sign(center))
        strcpy(range, "?");
    else if (center == 0)
        strcpy(range, "0%");
    else
        snprintf(range, RANGE_SIZE, "%.0f%%", 100 * fmax(high / center - 1, 1 - low / center));
}

/* How many values an interval with two ends takes. */
static void warn_of_interval(char *warning, double confidence)
{
    size_t count = 2;
    for (; count <= INTERVAL_SEARCH_MAX; count++) {
        struct order_interval interval = statistics_median_interval(count, confidence);
        if (interval.low > 0 && interval.high <= count)
            break;
    }
    char level[UNIT_TEXT_SIZE];
    unit_format_exact(confidence, level);
    bool found = count <= INTERVAL_SEARCH_MAX;
    snprintf(warning, WARNING_SIZE, "need %s %zu samples for confidence interval at level %.20s",
             found ? ">=" : ">", found ? count : (size_t)INTERVAL_SEARCH_MAX, level);
}

static void summarize(struct entry *entry, const struct cell *cell, double confidence)
{
    struct order_interval interval = statistics_median_interval(cell->count, confidence);
    double low = interval.low > 0 ? cell->values[interval.low - 1] : -INFINITY;
    double high = interval.high <= cell->count ? cell->values[interval.high - 1] : INFINITY;
    entry->center = statistics_median(cell->values, cell->count);
    format_range(low, entry->center, high, entry->range);
    if (isinf(low) || isinf(high))
        warn_of_interval(entry->center_warning, confidence);
}

/* For units that do not vary: the most frequent value, of equally frequent ones the least. */
static void summarize_exact(struct entry *entry, const struct cell *cell)
{
    size_t most = 0;
    for (size_t begin = 0, end; begin < cell->count; begin = end) {
        for (end = begin; end < cell->count && cell->values[end] == cell->values[begin];)
            end++;
        if (end - begin > most) {
            most = end - begin;
            entry->center = cell->values[begin];
        }
    }
    double low = cell->values[0], high = cell->values[cell->count - 1];
    format_range(low, entry->center, high, entry->range);
    if (most == cell->count)
        return;
    char least[UNIT_TEXT_SIZE], greatest[UNIT_TEXT_SIZE];
    unit_format_exact(low, least);
    unit_format_exact(high, greatest);
    snprintf(entry->center_warning, WARNING_SIZE,
             "exact distribution expected, but values range from %.30s to %.30s", least, greatest);
}

/* Could even samples that do not overlap have differed at this level? */
static void warn_of_test(char *warning, size_t base_count, size_t count, double alpha)
{
    size_t needed = 1;
    while (needed <= TEST_SEARCH_MAX && statistics_u_test_least(needed) > alpha)
        needed++;
    if (base_count >= needed || count >= needed)
        return;
    char level[UNIT_TEXT_SIZE];
    unit_format_exact(alpha, level);
    snprintf(warning, WARNING_SIZE, "need %s %zu samples to detect a difference at alpha level %.20s",
             needed <= TEST_SEARCH_MAX ? ">=" : ">", needed, level);
}

static void format_delta(struct entry *entry, double base, bool differs)
{
    if (!differs)
        strcpy(entry->delta, "~");
    else if (base == entry->center)
        strcpy(entry->delta, "0.00%");
    else if (base == 0)
        strcpy(entry->delta, "?");
    else
        snprintf(entry->delta, DELTA_SIZE, "%+.2f%%", (entry->center / base - 1) * 100);
}

/* Exact values differ if they differ: their p is 0, and not shown. */
static void compare(struct entry *entry, const struct cell *base, double base_center, const struct cell *cell,
                    bool exact, double alpha)
{
    double p = exact ? 0 : statistics_u_test(base->values, base->count, cell->values, cell->count);
    if (p < 0)
        strcpy(entry->test_warning, "all samples are equal");
    else if (p > alpha)
        warn_of_test(entry->test_warning, base->count, cell->count, alpha);
    if (p < 0)
        p = 1;
    format_delta(entry, base_center, p <= alpha);
    int length = p != 0 ? snprintf(entry->test, TEST_SIZE, "p=%.3f ", p) : 0;
    length += snprintf(entry->test + length, TEST_SIZE - (size_t)length, "n=%zu", base->count);
    if (cell->count != base->count)
        snprintf(entry->test + length, TEST_SIZE - (size_t)length, "+%zu", cell->count);
    entry->compared = true;
}

static void summary_warn(struct summary *summary, const char *warning)
{
    snprintf(summary->warnings[summary->warning_count++], WARNING_SIZE, "%s", warning);
}

/* The mean of ratios rather than the ratio of means: where the files have not the same benchmarks it still says
 * something. */
static void summarize_column(struct table *table, size_t column)
{
    struct summary *summary = &table->summaries[column];
    double *centers = memory_new(table->row_count, sizeof *centers),
           *ratios = memory_new(table->row_count, sizeof *ratios);
    size_t center_count = 0, ratio_count = 0, base_count = 0;
    bool ratios_exist = column > 0;
    for (size_t row = 0; row < table->row_count; row++) {
        const struct entry *base = table_entry(table, row, 0), *entry = table_entry(table, row, column);
        base_count += base->present;
        if (entry->present)
            centers[center_count++] = entry->center;
        if (entry->present && base->present && column > 0) {
            ratios_exist &= base->center != 0 || entry->center == 0;
            ratios[ratio_count++] = entry->center == base->center ? 1 : entry->center / base->center;
        }
    }
    if (column > 0 && ratio_count != base_count)
        summary_warn(summary, "benchmark set differs from baseline; geomeans may not be comparable");
    summary->mean = statistics_geomean(centers, center_count);
    summary->has_mean = !isnan(summary->mean);
    if (!summary->has_mean)
        summary_warn(summary, "summaries must be >0 to compute geomean");
    summary->ratio = ratios_exist ? statistics_geomean(ratios, ratio_count) : NAN;
    summary->has_ratio = !isnan(summary->ratio);
    if (ratios_exist && !summary->has_ratio)
        summary_warn(summary, "ratios must be >0 to compute geomean");
    free(centers);
    free(ratios);
}

/* Of what the results have, that which this table has: a name a row or a column, and its index in the results. */
struct axis {
    const char **names;
    size_t *indices, count;
};

static struct axis axis_new(const struct texts *texts, const bool *used)
{
    struct axis axis = {memory_new(texts->count, sizeof(char *)), memory_new(texts->count, sizeof(size_t)),
                        0};
    for (size_t i = 0; i < texts->count; i++)
        if (used[i]) {
            axis.names[axis.count] = texts->items[i];
            axis.indices[axis.count++] = i;
        }
    return axis;
}

static void fill_row(struct table *table, const struct results *results, size_t row,
                     const struct cell **cells, struct levels levels)
{
    bool exact = results_unit_is_exact(results, table->unit);
    struct entry *entries = &table->entries[row * table->column_count];
    for (size_t column = 0; column < table->column_count; column++) {
        struct entry *entry = &entries[column];
        const struct cell *cell = cells[column];
        entry->present = cell != NULL;
        if (cell == NULL)
            continue;
        if (exact)
            summarize_exact(entry, cell);
        else
            summarize(entry, cell, levels.confidence);
        if (column > 0 && cells[0] != NULL)
            compare(entry, cells[0], entries[0].center, cell, exact, levels.alpha);
    }
}

struct table *table_new(const struct results *results, size_t config, size_t unit, struct levels levels)
{
    bool *has_row = memory_new(results->benchmarks.count, sizeof(bool));
    bool *has_column = memory_new(results->files.count, sizeof(bool));
    for (size_t c = 0; c < results->cell_count; c++)
        if (results->cells[c].config == config && results->cells[c].unit == unit)
            has_row[results->cells[c].benchmark] = has_column[results->cells[c].file] = true;
    struct axis rows = axis_new(&results->benchmarks, has_row),
                columns = axis_new(&results->files, has_column);
    free(has_row);
    free(has_column);
    if (rows.count == 0)
        return NULL;
    struct table *table = memory_new(1, sizeof *table);
    *table = (struct table){results->units.items[unit],
                            rows.count,
                            columns.count,
                            rows.names,
                            columns.names,
                            memory_new(rows.count * columns.count, sizeof(struct entry)),
                            memory_new(columns.count, sizeof(struct summary))};
    const struct cell **cells = memory_new(columns.count, sizeof(struct cell *));
    for (size_t row = 0; row < rows.count; row++) {
        for (size_t column = 0; column < columns.count; column++)
            cells[column] = results_cell(results, config, unit, rows.indices[row], columns.indices[column]);
        fill_row(table, results, row, cells, levels);
    }
    for (size_t column = 0; column < columns.count; column++)
        summarize_column(table, column);
    free(cells);
    return table;
}
