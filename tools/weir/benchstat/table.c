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

/* Beyond it a percentage has digits that mean nothing, or is infinite. */
static bool is_percentage(double value)
{
    return fabs(value) < 1e15;
}

static void format_range(double low, double center, double high, char range[RANGE_SIZE])
{
    double reach = center != 0 ? 100 * fmax(high / center - 1, 1 - low / center) : 0;
    if (low == high)
        strcpy(range, "0%"); /* of one that is infinite, too */
    else if (isinf(low) || isinf(high) || isinf(center))
        strcpy(range, "∞");
    else if (sign(low) != sign(center) || sign(high) != sign(center))
        strcpy(range, "?");
    else if (center == 0)
        strcpy(range, "0%");
    else if (!is_percentage(reach))
        strcpy(range, "?");
    else
        snprintf(range, RANGE_SIZE, "%.0f%%", reach);
}

/* Say how many values are needed for an interval with two ends. */
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
    if (interval.low == 0 || interval.high > cell->count)
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

/* If both samples are so small that p > alpha even without overlap: say how many values are needed. */
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
    double difference = base != 0 ? (entry->center / base - 1) * 100 : 0;
    if (!differs)
        strcpy(entry->delta, "~");
    else if (base == entry->center)
        strcpy(entry->delta, "0.00%");
    else if (base == 0 || isinf(base) || isinf(entry->center) || !is_percentage(difference))
        strcpy(entry->delta, "?");
    else
        snprintf(entry->delta, DELTA_SIZE, "%+.2f%%", difference);
}

/* Exact values need no test: p is 0, and not shown. */
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

static void summary_warn(struct column_summary *summary, const char *warning)
{
    snprintf(summary->warnings[summary->warning_count++], WARNING_SIZE, "%s", warning);
}

/* What a column has so far: the centers, and their ratios to the first column. */
struct sums {
    double *centers, *ratios;
    size_t center_count, ratio_count;
    bool bad_ratio;
};

static void add_ratio(struct sums *sums, double center, double base)
{
    sums->bad_ratio |= base == 0 && center != 0;
    sums->ratios = memory_grow(sums->ratios, sums->ratio_count, sizeof(double));
    sums->ratios[sums->ratio_count++] = center == base ? 1 : center / base;
}

/* The mean of ratios, not the ratio of means: it means something even if the columns do not have the same
 * benchmarks. */
static void summarize_column(struct column_summary *summary, const struct sums *sums, size_t base_count,
                             bool is_base)
{
    if (!is_base && sums->ratio_count != base_count)
        summary_warn(summary, "benchmark set differs from baseline; geomeans may not be comparable");
    summary->mean = statistics_geomean(sums->centers, sums->center_count);
    summary->has_mean = !isnan(summary->mean);
    if (!summary->has_mean)
        summary_warn(summary, "summaries must be >0 to compute geomean");
    bool may_have = !is_base && !sums->bad_ratio;
    summary->ratio = may_have ? statistics_geomean(sums->ratios, sums->ratio_count) : NAN;
    summary->has_ratio = !isnan(summary->ratio);
    if (may_have && !summary->has_ratio)
        summary_warn(summary, "ratios must be >0 to compute geomean");
}

static void summarize_columns(struct table *table)
{
    struct sums *sums = memory_new(table->column_count, sizeof *sums);
    size_t base_count = 0;
    for (size_t row = 0; row < table->row_count; row++) {
        const struct entry *base = table_entry(table, row, 0);
        base_count += base->present;
        for (size_t i = table->first[row]; i < table->first[row + 1]; i++) {
            const struct entry *entry = &table->entries[i];
            struct sums *of = &sums[entry->column];
            of->centers = memory_grow(of->centers, of->center_count, sizeof(double));
            of->centers[of->center_count++] = entry->center;
            if (base->present && entry->column > 0)
                add_ratio(of, entry->center, base->center);
        }
    }
    for (size_t column = 0; column < table->column_count; column++) {
        summarize_column(&table->summaries[column], &sums[column], base_count, column == 0);
        free(sums[column].centers);
        free(sums[column].ratios);
    }
    free(sums);
}

/* "benchmarks vary in pkg, .fullname": values of one cell that the projections do not tell apart. */
static void warn_of_variance(struct entry *entry, const struct results *results, const struct cell *cell)
{
    size_t length = 0;
    for (struct flat_field flat = {0}; projection_next_field(&results->residue, &flat);)
        if (flat.place < cell->places && cell->varies[flat.place] && length < WARNING_SIZE)
            length += (size_t)snprintf(entry->variance_warning + length, WARNING_SIZE - length, "%s%s",
                                       length == 0 ? "benchmarks vary in " : ", ", flat.name);
}

const struct entry *table_entry(const struct table *table, size_t row, size_t column)
{
    static const struct entry none;
    size_t low = table->first[row], high = table->first[row + 1];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (table->entries[middle].column < column)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->first[row + 1] && table->entries[low].column == column ? &table->entries[low] : &none;
}

/* `base`: the cell in the first column of the row; NULL: there is none. */
static void fill_entry(struct entry *entry, const struct results *results, const char *unit,
                       const struct cell *cell, const struct cell *base, double base_center,
                       struct levels levels)
{
    bool exact = results_unit_is_exact(results, unit);
    entry->present = true;
    warn_of_variance(entry, results, cell);
    if (exact)
        summarize_exact(entry, cell);
    else
        summarize(entry, cell, levels.confidence);
    if (base != NULL && base != cell)
        compare(entry, base, base_center, cell, exact, levels.alpha);
}

/* The cells of one row are in the order of columns. Returns how many. */
static size_t fill_row(struct table *table, const struct results *results, const struct cell *cells,
                       size_t count, struct levels levels)
{
    size_t done = 0, begin = table->first[table->row_count];
    const struct cell *base = table->column_of[cells[0].column] == 0 ? cells : NULL;
    for (; done < count && cells[done].row == cells[0].row; done++) {
        struct entry *entry = &table->entries[begin + done];
        entry->column = table->column_of[cells[done].column];
        fill_entry(entry, results, table->unit, &cells[done], base, table->entries[begin].center, levels);
    }
    table->rows[table->row_count] = projection_label(&results->axes[AXIS_ROW], cells[0].row);
    table->first[++table->row_count] = begin + done;
    return done;
}

/* The columns that the cells have, in order, and their heads: one line for each field of the projection. */
static void find_columns(struct table *table, const struct results *results, const struct cell *cells,
                         size_t count)
{
    const struct projection *columns = &results->axes[AXIS_COLUMN];
    size_t *ranks = projection_ranks(columns), tuples = columns->texts.count;
    size_t *by_rank = memory_new(tuples, sizeof *by_rank);
    for (size_t i = 0; i < count; i++)
        by_rank[ranks[cells[i].column]] = cells[i].column + 1;
    table->column_of = memory_new(tuples, sizeof *table->column_of);
    size_t *used = memory_new(tuples, sizeof *used);
    for (size_t rank = 0; rank < tuples; rank++)
        if (by_rank[rank] != 0) {
            table->column_of[by_rank[rank] - 1] = table->column_count;
            used[table->column_count++] = by_rank[rank] - 1;
        }
    for (struct flat_field flat = {0}; projection_next_field(columns, &flat); table->level_count++) {
        table->heads = memory_grow(table->heads, table->level_count, sizeof table->heads[0]);
        table->heads[table->level_count] = memory_new(table->column_count, sizeof(char *));
        for (size_t column = 0; column < table->column_count; column++)
            table->heads[table->level_count][column] = projection_value(columns, used[column], flat.place);
    }
    free(ranks);
    free(by_rank);
    free(used);
}

struct table *table_new(const struct results *results, size_t *next, struct levels levels)
{
    const struct cell *first = &results->cells[*next];
    size_t count = 0, rows = 0;
    for (; *next + count < results->cell_count && first[count].table == first->table &&
           first[count].unit == first->unit;
         count++)
        rows += count == 0 || first[count].row != first[count - 1].row;
    *next += count;
    struct table *table = memory_new(1, sizeof *table);
    table->tuple = first->table;
    table->unit = results->units.items[first->unit];
    find_columns(table, results, first, count);
    table->rows = memory_new(rows, sizeof(char *));
    table->entries = memory_new(count, sizeof(struct entry));
    table->first = memory_new(rows + 1, sizeof(size_t));
    table->summaries = memory_new(table->column_count, sizeof(struct column_summary));
    for (size_t i = 0; i < count;)
        i += fill_row(table, results, first + i, count - i, levels);
    summarize_columns(table);
    return table;
}
