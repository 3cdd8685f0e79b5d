/* release: see release.h. */
#include "runtime/policy/release.h"

#include "runtime/policy/saturate.h"

static size_t share(size_t bytes, int64_t percent)
{
    size_t result;
    if (percent < 0 || __builtin_mul_overflow(bytes / 100, (size_t)percent, &result))
        return SIZE_MAX;
    return result;
}

size_t release_floor(const release_t *rule)
{
    return share(RELEASE_FLOOR, rule->percent);
}

size_t release_plain_bound(const release_t *rule, size_t inuse, size_t unused)
{
    size_t allowed = share(inuse - unused, rule->percent);
    return most(subtract(allowed, unused), release_floor(rule));
}

size_t release_bound(const release_t *rule, size_t inuse, size_t unused)
{
    size_t plain = release_plain_bound(rule, inuse, unused);
    size_t learnt = share(rule->learnt, rule->percent < 100 ? rule->percent : 100);
    size_t above_peak = most(share(rule->peak, rule->percent), release_floor(rule));
    size_t limit = subtract(add(rule->peak, above_peak), inuse);
    return most(plain, least(add(plain, learnt), limit));
}

/* Releases are few and large, instead of one at each free: each goes down to somewhat less than what may be
 * idle. */
size_t release_excess(const release_t *rule, release_sizes_t sizes)
{
    if (rule->percent < 0 || sizes.idle <= release_floor(rule))
        return 0;
    size_t bound = release_bound(rule, sizes.inuse, sizes.unused);
    return sizes.idle > add(bound, RELEASE_STEP) ? sizes.idle - (bound - bound / 64) : 0;
}

size_t release_at_peak(release_t *rule, release_sizes_t sizes)
{
    size_t held = add(sizes.inuse, sizes.idle), over = subtract(held, rule->highest);
    size_t growth = subtract(sizes.inuse, rule->most_inuse);
    size_t spare = subtract(sizes.idle, RELEASE_AT_PEAK);
    spare = least(spare, most(subtract(spare, rule->learnt), growth));
    size_t excess = rule->percent < 0 ? 0 : least(over, spare);
    if (excess < RELEASE_STEP && over > 0)
        excess = 0;
    rule->highest = most(rule->highest, held - excess);
    rule->most_inuse = most(rule->most_inuse, sizes.inuse);
    return excess;
}

void release_fade(release_t *rule, size_t inuse, uint64_t now)
{
    if (!rule->faded_to)
        rule->faded_to = now;
    uint64_t bytes = now > rule->faded_to ? (now - rule->faded_to) / RELEASE_FADE_NS : 0;
    rule->faded_to += bytes * RELEASE_FADE_NS;
    rule->given = subtract(rule->given, bytes);
    rule->peak = most(subtract(rule->peak, bytes), inuse);
    rule->learnt = least(subtract(rule->learnt, bytes), rule->peak);
}

void release_note_given(release_t *rule, size_t bytes)
{
    rule->given = add(rule->given, bytes);
}

void release_note_fresh(release_t *rule, size_t bytes)
{
    size_t back = least(bytes, rule->given);
    rule->given -= back;
    rule->learnt = least(add(rule->learnt, back), rule->peak);
}
