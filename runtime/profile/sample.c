/* sample: see sample.h. No function here may need libm: the swap-in library must not load it into the
 * process. */
#include "runtime/profile/sample.h"

#include "runtime/os/os.h"

/* -ln u for u in (0, 1], with an error of about 1e-4: the exponent times ln 2, and for the mantissa m
 * ln m = 2 atanh((m - 1) / (m + 1)). */
static double minus_log(uint64_t bits)
{
    const double ln2 = 0.6931471805599453;
    int shift = __builtin_clzll(bits | 1);
    double m = (double)((bits | 1) << shift) / 9223372036854775808.0; /* in [1, 2] */
    double t = (m - 1) / (m + 1), t2 = t * t;
    return (shift + 1) * ln2 - 2 * t * (1 + t2 * (1.0 / 3 + t2 * (1.0 / 5 + t2 / 7)));
}

/* Marsaglia's xorshift*, "Xorshift RNGs", 2003. */
static uint64_t next_random(sampler_t *sampler)
{
    uint64_t x = sampler->random;
    if (x == 0)
        x = ((uint64_t)(uintptr_t)sampler ^ os_now_ns() << 20) | 1;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    sampler->random = x;
    return x * 0x2545f4914f6cdd1du;
}

static int64_t next_distance(sampler_t *sampler, uint64_t rate)
{
    double distance = minus_log(next_random(sampler)) * (double)rate;
    return distance < 1e18 ? (int64_t)distance + 1 : (int64_t)1e18;
}

bool sample_take(sampler_t *sampler, size_t size, uint64_t rate)
{
    int64_t bytes = size < (size_t)1 << 60 ? (int64_t)size : (int64_t)1 << 60;
    if (sampler->random == 0)
        sampler->until = next_distance(sampler, rate);
    sampler->until -= bytes;
    if (sampler->until > 0)
        return false;
    sampler->until =
        next_distance(sampler, rate); /* counted from the block's end: the distribution has no memory */
    return true;
}

uint32_t sample_skip(sampler_t *sampler, size_t size, uint64_t rate)
{
    if (rate <= 1)
        return 0;
    double blocks = minus_log(next_random(sampler)) * (double)rate / (double)size;
    return blocks < (double)UINT32_MAX ? (uint32_t)blocks : UINT32_MAX;
}

/* exp(-x) = exp(-x / 256)^256, and exp(-x / 256) is near 1, where few terms are enough. */
double sample_weight(size_t size, uint64_t rate)
{
    double x = (double)size / (double)rate;
    if (x > 40)
        return 1;
    double y = -x / 256, e = 1 + y * (1 + y * (1.0 / 2 + y * (1.0 / 6 + y / 24)));
    for (int i = 0; i < 8; i++)
        e *= e;
    return x < 1e-6 ? 1 / x : 1 / (1 - e);
}
