/* The statistics of `weir benchstat` against their definitions, and its reader and units. (tests/bench
 * compares the whole command with values computed in Python and with the printed tables of Go's benchstat.)
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/benchstat/regexp_size.h"
#include "tools/weir/benchstat/results.h"
#include "tools/weir/benchstat/statistics.h"
#include "tools/weir/benchstat/table.h"
#include "tools/weir/benchstat/unit.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool close_to(double left, double right)
{
    return fabs(left - right) <= 1e-9 * fmax(fabs(left), fabs(right));
}

/* --- Statistics --- */

Test(benchstat, medians)
{
    double values[] = {9, 1, 5, 3};
    statistics_sort(values, 4);
    cr_expect(close_to(statistics_median(values, 4), 4));
    cr_expect(close_to(statistics_median(values, 3), 3));
    cr_expect(close_to(statistics_median(values, 1), 1));
}

/* Values from tables of the sign test (Hollander and Wolfe, or any other). From 31 values on the normal
 * approximation is used. */
Test(benchstat, intervals)
{
    static const struct {
        size_t count;
        double confidence;
        size_t low, high;
    } cases[] = {{1, 0.95, 0, 2},     {5, 0.95, 0, 5},  {6, 0.95, 1, 6},   {7, 0.95, 1, 7},
                 {8, 0.95, 1, 7},     {10, 0.95, 2, 9}, {20, 0.95, 6, 15}, {30, 0.95, 10, 21},
                 {100, 0.95, 40, 60}, {10, 1, 0, 11},   {10, 0.99, 1, 10}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct order_interval interval = statistics_median_interval(cases[i].count, cases[i].confidence);
        cr_expect(interval.low == cases[i].low && interval.high == cases[i].high, "%zu at %g: %zu to %zu",
                  cases[i].count, cases[i].confidence, interval.low, interval.high);
    }
}

/* The coverage of the interval is what was asked for, for every size: summed from the binomial
 * distribution. */
Test(benchstat, intervals_cover)
{
    for (size_t count = 6; count <= 300; count++) {
        struct order_interval interval = statistics_median_interval(count, 0.95);
        double covered = 0;
        for (size_t below = interval.low; below < interval.high; below++)
            covered += exp(lgamma((double)count + 1) - lgamma((double)below + 1) -
                           lgamma((double)(count - below) + 1) - (double)count * log(2));
        cr_expect(covered >= (count <= 30 ? 0.95 - 1e-12 : 0.9495), "%zu: %g", count, covered);
        cr_expect(covered < 0.985 || count < 12, "%zu: %g", count, covered);
    }
}

/* The p-value by its definition: of all ways to choose the left sample, the share whose U is at least as far
 * from the middle as that of the given one. */
static double enumerate(const double *left, size_t left_count, const double *right, size_t right_count)
{
    double all[16];
    size_t total = left_count + right_count;
    memcpy(all, left, left_count * sizeof all[0]);
    memcpy(all + left_count, right, right_count * sizeof all[0]);
    double found = 0, pairs = (double)(left_count * right_count), ways = 0, as_extreme = 0;
    for (int pass = 0; pass < 2; pass++)
        for (unsigned chosen = 0; chosen < 1u << total; chosen++) {
            if ((size_t)__builtin_popcount(chosen) != left_count ||
                (pass == 0 && chosen != (1u << left_count) - 1))
                continue;
            double u = 0;
            for (size_t i = 0; i < total; i++)
                for (size_t j = 0; j < total; j++)
                    if ((chosen >> i & 1) != 0 && (chosen >> j & 1) == 0)
                        u += all[i] > all[j] ? 1 : all[i] == all[j] ? 0.5 : 0;
            if (pass == 0) {
                found = fabs(u - pairs / 2);
            } else {
                ways++;
                as_extreme += fabs(u - pairs / 2) >= found;
            }
        }
    return as_extreme / ways;
}

Test(benchstat, u_test_is_its_definition)
{
    for (unsigned round = 0; round < 400; round++) {
        double left[8], right[8];
        size_t left_count = 1 + (size_t)rand() % 6, right_count = 1 + (size_t)rand() % 6;
        int distinct = 2 + rand() % 40;
        bool equal = true;
        for (size_t i = 0; i < left_count; i++)
            left[i] = rand() % distinct;
        for (size_t i = 0; i < right_count; i++)
            right[i] = rand() % distinct + rand() % 2 * rand() % 10;
        for (size_t i = 0; i < left_count; i++)
            for (size_t j = 0; j < right_count; j++)
                equal &= left[i] == right[j];
        statistics_sort(left, left_count);
        statistics_sort(right, right_count);
        double p = statistics_u_test(left, left_count, right, right_count);
        double expected = equal ? -1 : enumerate(left, left_count, right, right_count);
        cr_expect(close_to(p, expected), "round %u, %zu and %zu values: %.12g, not %.12g", round, left_count,
                  right_count, p, expected);
    }
}

/* One of seven ways is as extreme: on the other side two values share the last rank. Go's benchstat doubles
 * the other tail, which has no way at all, and calls this a difference. */
Test(benchstat, u_test_of_ties_and_unequal_sizes)
{
    cr_expect(close_to(statistics_u_test((double[]){2, 3, 3, 4, 5, 5}, 6, (double[]){1}, 1), 1.0 / 7));
}

/* When one sample lies wholly below the other, each side has one way in C(2n, n). */
Test(benchstat, u_test_of_samples_apart)
{
    double left[60], right[60];
    for (int i = 0; i < 60; i++) {
        left[i] = i;
        right[i] = 1000 + i;
    }
    double choices = 1;
    for (size_t n = 1; n <= 50; n++) {
        choices *= (double)(2 * n) * (double)(2 * n - 1) / ((double)n * (double)n);
        cr_expect(close_to(statistics_u_test(left, n, right, n), 2 / choices), "%zu", n);
        cr_expect(close_to(statistics_u_test_least(n), 2 / choices), "%zu", n);
    }
    double p = statistics_u_test(left, 51, right, 51), z = (51.0 * 51 / 2 - 0.5) / sqrt(51.0 * 51 * 103 / 12);
    cr_expect(close_to(p, erfc(z / sqrt(2))), "%g", p);
    cr_expect(statistics_u_test(left, 60, left, 60) == 1);
}

Test(benchstat, geometric_means)
{
    cr_expect(close_to(statistics_geomean((double[]){1, 10, 100}, 3), 10));
    cr_expect(isnan(statistics_geomean((double[]){1, 0}, 2)));
    cr_expect(isnan(statistics_geomean(NULL, 0)));
}

/* --- Units --- */

Test(benchstat, units)
{
    static const struct {
        const char *unit, *tidy;
        double factor;
        bool binary;
    } cases[] = {{"ns/op", "sec/op", 1e-9, false},   {"MB/s", "B/s", 1e6, true},
                 {"B/op", "B/op", 1, true},          {"allocs/op", "allocs/op", 1, false},
                 {"p99-ns", "p99-sec", 1e-9, false}, {"x/ns", "x/ns", 1, false},
                 {"x/ns*MB", "x/ns*B", 1e6, true},   {"ns", "sec", 1e-9, false},
                 {"sns", "sns", 1, false},           {"text-bytes", "text-bytes", 1, true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        double factor;
        char *tidy = unit_tidy(cases[i].unit, &factor);
        cr_expect_str_eq(tidy, cases[i].tidy);
        cr_expect(close_to(factor, cases[i].factor), "%s: %g", cases[i].unit, factor);
        cr_expect_eq(unit_is_binary(tidy), cases[i].binary, "%s", cases[i].unit);
        free(tidy);
    }
}

Test(benchstat, numbers)
{
    static const struct {
        double value;
        bool binary;
        const char *scaled, *exact;
    } cases[] = {{0, false, "0.000", "0"},
                 {1.5e-9, false, "1.500n", "1.5e-09"},
                 {1.5e-12, false, "0.001500n", "1.5e-12"},
                 {0.0001, false, "100.0µ", "0.0001"},
                 {999.94, false, "999.9", "999.94"},
                 {999.96, false, "1.000k", "999.96"},
                 {99.996, false, "100.0", "99.996"},
                 {123456789, false, "123.5M", "1.23456789e+08"},
                 {1e6, false, "1.000M", "1e+06"},
                 {100000, false, "100.0k", "100000"},
                 {1020 * 1024, true, "1020.0Ki", "1.04448e+06"},
                 {1024 * 1024, true, "1.000Mi", "1.048576e+06"},
                 {0.5, true, "0.5000", "0.5"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[UNIT_TEXT_SIZE];
        unit_format(unit_scale(&cases[i].value, 1, cases[i].binary), cases[i].value, text);
        cr_expect_str_eq(text, cases[i].scaled, "%g: %s", cases[i].value, text);
        unit_format_exact(cases[i].value, text);
        cr_expect_str_eq(text, cases[i].exact, "%g: %s", cases[i].value, text);
    }
}

/* --- Reading --- */

static struct results read_text(const char *text)
{
    static struct results results;
    FILE *file = fmemopen((void *)text, strlen(text), "r");
    cr_assert_not_null(file);
    results_read(&results, file, "text", "text");
    fclose(file);
    results_sort(&results);
    return results;
}

Test(benchstat, reading)
{
    struct results results = read_text("goos: linux\n"
                                       "Not a: key\n"
                                       "BenchmarkA-2   \t 100\t 5 ns/op\t 7.5 widgets\r\n"
                                       "BenchmarkA-2 100 3 ns/op\n"
                                       "BenchmarkNameAlone\n"
                                       "BenchmarkNoUnit 100 3\n"
                                       "BenchmarkNoNumber 100 x ns/op\n"
                                       "BenchmarkHalfWrong 100 3 ns/op x B/op\n"
                                       "BenchmarkFailed --- FAIL\n"
                                       "Unit widgets assume=exact better=higher\n"
                                       "Unit widgets assume=nothing\n"
                                       "goos:\n"
                                       "BenchmarkA-2 100 4 ns/op\n"
                                       "PASS\n");
    cr_assert_eq(results.axes[AXIS_ROW].texts.count, 1);
    cr_expect_str_eq(projection_label(&results.axes[AXIS_ROW], 0), "A-2");
    cr_expect_eq(results.axes[AXIS_TABLE].texts.count, 2);
    cr_assert_eq(results.cell_count, 3);
    const struct cell *cell = &results.cells[1]; /* after the cell without goos */
    cr_expect_str_eq(projection_label(&results.axes[AXIS_TABLE], results.cells[0].table), "");
    cr_expect_str_eq(projection_label(&results.axes[AXIS_TABLE], cell->table), "linux");
    cr_expect(cell->count == 2 && close_to(cell->values[0], 3e-9) && close_to(cell->values[1], 5e-9));
    cr_expect_str_eq(results.units.items[results.cells[2].unit], "widgets");
    cr_expect(results_unit_is_exact(&results, "widgets"));
    cr_expect_not(results_unit_is_exact(&results, "sec/op"));
}

/* The first table of two files. */
static const struct table *table_of(struct results *results, const char *old, const char *new)
{
    const char *const texts[] = {old, new};
    for (int i = 0; i < 2; i++) {
        FILE *file = fmemopen((void *)texts[i], strlen(texts[i]), "r");
        results_read(results, file, "text", i == 0 ? "old" : "new");
        fclose(file);
    }
    results_sort(results);
    size_t next = 0;
    const struct table *table = table_new(results, &next, (struct levels){0.95, 1});
    cr_expect_eq(next, results->cell_count);
    return table;
}

Test(benchstat, percentages_that_have_no_room_are_unknown)
{
    static struct results results;
    const struct table *table =
        table_of(&results, "BenchmarkA 1 1e-300 x\n",
                 "BenchmarkA 1 1e200 x\nBenchmarkA 1 1e200 x\nBenchmarkA 1 1e200 x\n"
                 "BenchmarkA 1 1e200 x\nBenchmarkA 1 1e200 x\nBenchmarkA 1 1e300 x\n");
    cr_expect_str_eq(table_entry(table, 0, 1)->delta, "?");
    cr_expect_str_eq(table_entry(table, 0, 1)->range, "?");
}

Test(benchstat, tables)
{
    static struct results results;
    const struct table *table =
        table_of(&results, "BenchmarkA 1 10 x\nBenchmarkB 1 0 x\n", "BenchmarkA 1 20 x\nBenchmarkC 1 5 x\n");
    cr_assert(table->row_count == 3 && table->column_count == 2);
    cr_expect_str_eq(table_entry(table, 0, 1)->delta, "+100.00%"); /* p is 1, and so is alpha */
    cr_expect_str_eq(table_entry(table, 0, 1)->test, "p=1.000 n=1");
    cr_expect_not(table_entry(table, 1, 1)->present);
    cr_expect_not(table_entry(table, 2, 1)->compared);
    cr_expect_not(table->summaries[0].has_mean);
    cr_expect(close_to(table->summaries[1].mean, 10) && close_to(table->summaries[1].ratio, 2));
    cr_expect_eq(table->summaries[1].warning_count, 1);
}

/* glibc's regcomp needs memory for each copy of what is repeated: 2 GiB for thirty signs (found by the fuzzer). */
Test(benchstat, a_regular_expression_that_costs_too_much_is_refused)
{
    static const char *const too_costly[] = {
        "a++++++++++++++++++++++++++++++",
        "((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+",
        "a{255}{255}",
        "(ab){1,200}{1,200}",
        "(((a{100}){100}){100})",
        "++++++++++++++++++++++++++++++++++",
        "b+++++++++++++c*+++++++++++|d",
        "a+++???????+++++++",
        "((a?)?(b?)?(c?)?)+((a?)?(b?)?(c?)?)+",
        "(a*)*",
        "(|a)+",
        "(a|b|)+",
        "(a|b*)+",
        "(^)*",
        "(\\b)+",
        "a{0,3}+",
        "(a*){3}",
        "a**",
        "*a",
    };
    static const char *const fine[] = {
        "",
        "a+b+c+",
        "(a+b*)+",
        "(a?b|c)*",
        "(^a$|b)+",
        "((a?)?)?",
        "a*?b+?",
        "(a(b|c?))+",
        "\\*+\\.*",
        "a{2,3}+",
        "(a|b)+",
        "[+]+",
        "[]+++++++++++++++++++]",
        "[[:alpha:]+++++++++++++++++++++]",
        "a{100}",
        "\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+",
        "(unclosed",
        ")",
        "a{",
        "a{,",
        "[",
        "a\\",
    };
    for (size_t i = 0; i < COUNT(too_costly); i++)
        cr_expect(regexp_is_too_costly(too_costly[i]), "%s", too_costly[i]);
    for (size_t i = 0; i < COUNT(fine); i++)
        cr_expect_not(regexp_is_too_costly(fine[i]), "%s", fine[i]);
    char deep[2001];
    memset(deep, '(', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    cr_expect(regexp_is_too_costly(deep));
}
