/* statistics: medians, their intervals, the U test. */
#include <math.h>
#include <stdlib.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/statistics.h"

enum {
    EXACT_INTERVAL_MAX = 30, /* values; beyond, the binomial distribution is close enough to the normal one */
    EXACT_TEST_MAX = 50,     /* values on either side, */
    EXACT_TIED_TEST_MAX = 25 /* and if some are tied */
};

static int compare_values(const void *left, const void *right)
{
    double l = *(const double *)left, r = *(const double *)right;
    return (l > r) - (l < r);
}

void statistics_sort(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], compare_values);
}

double statistics_median(const double *sorted, size_t count)
{
    double low = sorted[(count - 1) / 2], high = sorted[count / 2];
    return low == high ? low : low + 0.5 * (high - low); /* equal ones may be infinite */
}

static double choose(size_t n, size_t k)
{
    double ways = 1;
    for (size_t i = 1; i <= k; i++)
        ways = ways * (double)(n - k + i) / (double)i;
    return ways;
}

static double normal_below(double z)
{
    return 0.5 * erfc(-z / sqrt(2));
}

/* The z that is exceeded with this probability, below 0.5: by halving, which needs no constants to trust. */
static double normal_quantile(double above)
{
    double low = 0, high = 40;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (normal_below(-middle) > above)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* The number of values below the population's median is binomial(n, 1/2). It is k with the probability
 * C(n, k)/2^n; then the median lies in gap k, between values k and k + 1. Gaps are added from the most
 * probable one outwards, of two equal ones the left first, until their probabilities add up to the
 * confidence. */
static struct order_interval interval_exact(size_t count, double confidence)
{
    double scale = ldexp(1, -(int)count);
    size_t low = count / 2, high = low + 1; /* gaps low to high - 1 are taken */
    double sum = choose(count, low) * scale;
    while (sum < confidence && (low > 0 || high <= count)) {
        double left = low > 0 ? choose(count, low - 1) * scale : 0;
        double right = high <= count ? choose(count, high) * scale : 0;
        if (left >= right) {
            sum += left;
            low--;
        } else {
            sum += right;
            high++;
        }
    }
    return (struct order_interval){low, high};
}

/* The same band by the normal distribution with the binomial's mean and deviation; one gap less on the right
 * if that is enough. */
static struct order_interval interval_normal(size_t count, double confidence)
{
    double mean = (double)count / 2, deviation = sqrt((double)count) / 2;
    double reach = normal_quantile((1 - confidence) / 2) * deviation;
    double low = floor(mean - reach - 0.5) + 1, high = ceil(mean + reach - 0.5) + 1;
    double left = normal_below((low - 0.5 - mean) / deviation);
    double full = normal_below((high - 0.5 - mean) / deviation) - left;
    double narrower = normal_below((high - 1.5 - mean) / deviation) - left;
    if (narrower >= confidence && narrower < full)
        high -= 1;
    double end = (double)count + 1;
    return (struct order_interval){(size_t)(low > 0 ? low : 0), (size_t)(high < end ? high : end)};
}

struct order_interval statistics_median_interval(size_t count, double confidence)
{
    if (confidence >= 1)
        return (struct order_interval){0, count + 1};
    return count <= EXACT_INTERVAL_MAX ? interval_exact(count, confidence)
                                       : interval_normal(count, confidence);
}

/* Both samples as one: values that are equal share a rank, the middle one of those they would have. */
struct ranking {
    size_t groups;      /* of equal values */
    size_t *sizes;      /* values in each group */
    size_t *ranks2;     /* twice the rank of each group, which makes it a whole number */
    double left_ranks2; /* twice the sum of the left sample's ranks */
    bool tied;
};

static struct ranking rank(const double *left, size_t left_count, const double *right, size_t right_count)
{
    size_t total = left_count + right_count, l = 0, r = 0;
    struct ranking ranking = {.sizes = memory_new(total, sizeof(size_t)),
                              .ranks2 = memory_new(total, sizeof(size_t))};
    while (l < left_count || r < right_count) {
        double value = r == right_count || (l < left_count && left[l] <= right[r]) ? left[l] : right[r];
        size_t before = l + r, lefts = 0;
        for (; l < left_count && left[l] == value; l++)
            lefts++;
        while (r < right_count && right[r] == value)
            r++;
        size_t size = l + r - before, rank2 = before + 1 + l + r;
        ranking.sizes[ranking.groups] = size;
        ranking.ranks2[ranking.groups++] = rank2;
        ranking.left_ranks2 += (double)(lefts * rank2);
        ranking.tied |= size > 1;
    }
    return ranking;
}

/* The probability that twice the rank sum of a sample is at most `sum2`, if the sample is any `picked` of the
 * ranked values. ways[k][s] counts the ways to pick k values with a doubled rank sum of s from the groups
 * seen so far. A group of equal values gives j of them in C(size, j) ways. (Klotz 1966 has the same with ties
 * by another route.) */
static double share_up_to(const struct ranking *ranking, size_t picked, size_t sum2)
{
    size_t width = sum2 + 1;
    double *ways = memory_new((picked + 1) * width, sizeof *ways);
    ways[0] = 1;
    size_t seen = 0;
    for (size_t g = 0; g < ranking->groups; g++) {
        size_t size = ranking->sizes[g], rank2 = ranking->ranks2[g];
        seen += size;
        for (size_t k = picked < seen ? picked : seen; k > 0;
             k--) /* downwards: what is read is of the groups before */
            for (size_t j = 1; j <= size && j <= k && j * rank2 <= sum2; j++) {
                double *to = ways + k * width + j * rank2, *from = ways + (k - j) * width,
                       times = choose(size, j);
                for (size_t s = 0; s + j * rank2 <= sum2; s++)
                    to[s] += from[s] * times;
            }
    }
    double below = 0;
    for (size_t s = 0; s <= sum2; s++)
        below += ways[picked * width + s];
    free(ways);
    return below / choose(seen, picked);
}

/* Twice the least rank sum that so many values can have, plus twice their U. */
static size_t rank_sum2(size_t count, double u)
{
    return count * (count + 1) + (size_t)(2 * u);
}

/* Both tails: either sample may be the one with so small a U. With ties and samples of unequal size they are
 * not alike, and to take one of them twice, as benchstat does, can give 0. */
static double test_exact(const struct ranking *ranking, size_t left_count, size_t right_count, double u)
{
    double smaller = fmin(u, (double)(left_count * right_count) - u);
    return fmin(1, share_up_to(ranking, left_count, rank_sum2(left_count, smaller)) +
                       share_up_to(ranking, right_count, rank_sum2(right_count, smaller)));
}

static double test_normal(const struct ranking *ranking, double left_count, double right_count, double u)
{
    double total = left_count + right_count, ties = 0;
    for (size_t g = 0; g < ranking->groups; g++) {
        double size = (double)ranking->sizes[g];
        ties += size * size * size - size;
    }
    double pairs = left_count * right_count;
    double deviation = sqrt(pairs * (total + 1 - ties / (total * (total - 1))) / 12);
    double away = fabs(u - pairs / 2);
    return fmin(1, 2 * normal_below(-(away > 0 ? away - 0.5 : 0) / deviation));
}

double statistics_u_test(const double *left, size_t left_count, const double *right, size_t right_count)
{
    struct ranking ranking = rank(left, left_count, right, right_count);
    size_t limit = ranking.tied ? EXACT_TIED_TEST_MAX : EXACT_TEST_MAX;
    double u = (ranking.left_ranks2 - (double)(left_count * (left_count + 1))) / 2, p = -1;
    if (ranking.groups > 1)
        p = left_count <= limit && right_count <= limit
                ? test_exact(&ranking, left_count, right_count, u)
                : test_normal(&ranking, (double)left_count, (double)right_count, u);
    free(ranking.sizes);
    free(ranking.ranks2);
    return p;
}

double statistics_u_test_least(size_t count)
{
    return 2 / choose(2 * count, count);
}

double statistics_geomean(const double *values, size_t count)
{
    double mean = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] > 0) || isinf(values[i]))
            return NAN;
        mean += (log(values[i]) - mean) / (double)(i + 1);
    }
    return count > 0 ? exp(mean) : NAN;
}
