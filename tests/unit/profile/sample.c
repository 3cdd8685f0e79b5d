/* Which blocks are sampled, and what they stand for. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>

#include "runtime/profile/sample.h"

Test(sample, a_weight_is_the_inverse_of_the_probability)
{
    for (double x = 1e-9; x < 100; x *= 1.3) {
        size_t rate = 1u << 30, size = (size_t)(x * rate) + 1;
        double expected = -1 / expm1(-(double)size / rate), got = sample_weight(size, rate);
        cr_expect_lt(fabs(got - expected) / expected, 1e-3, "%g: %g, expected %g", x, got, expected);
    }
    cr_expect_eq(sample_weight(SIZE_MAX, 1), 1);
}

/* How many of so many blocks are hit: within four standard deviations of the binomial distribution. */
Test(sample, as_many_are_hit_as_ought_to_be)
{
    enum { BLOCKS = 200000 };
    static const size_t sizes[] = {1, 16, 100, 4096, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        sampler_t sampler = {.random = 12345 + i, .until = 1};
        double hits = 0, p = -expm1(-(double)sizes[i] / 4096);
        for (size_t n = 0; n < BLOCKS; n++)
            hits += sample_take(&sampler, sizes[i], 4096);
        cr_expect_lt(fabs(hits - BLOCKS * p), 4 * sqrt(BLOCKS * p * (1 - p)) + 2, "%zu: %g of %g", sizes[i],
                     hits, BLOCKS * p);
    }
}

Test(sample, the_sum_of_the_weights_is_the_number_of_blocks)
{
    enum { BLOCKS = 400000, SIZE = 300, RATE = 10000 };
    sampler_t sampler = {.random = 99, .until = 1};
    double sum = 0;
    for (size_t n = 0; n < BLOCKS; n++)
        if (sample_take(&sampler, SIZE, RATE))
            sum += sample_weight(SIZE, RATE);
    cr_expect_lt(fabs(sum / BLOCKS - 1), 0.04, "%g", sum / BLOCKS);
}

Test(sample, a_sampler_begins_by_itself)
{
    sampler_t sampler = {.random = 0};
    size_t hits = 0;
    for (size_t n = 0; n < 10000; n++)
        hits += sample_take(&sampler, 100, 1000);
    cr_expect(hits > 700 && hits < 1200, "%zu", hits);
    cr_expect(sample_take(&sampler, SIZE_MAX, UINT32_MAX));
}
