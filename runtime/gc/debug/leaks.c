/* leaks: see leaks.h. */
#include "runtime/gc/debug/leaks.h"

#include <string.h>

#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/mark/mark.h"
#include "runtime/os/os.h"
#include "runtime/profile/origin.h"
#include "runtime/profile/sample.h"

enum { REACHED, DIRECT, INDIRECT }; /* origin_t.state */

/* Used by the collector, and by the thread that asked for the search. */
static struct {
    leak_group_t *groups; /* for every stack that there may be */
    uint32_t count;       /* one more than the highest number of a stack with a leak */
    bool looked;
} leaks;

static void judge(origin_t *origin)
{
    const void *block = (const void *)origin->block;
    origin->state = mark_base(block) == block && !collected_is_marked(block) ? DIRECT : REACHED;
}

/* A leaked block makes the blocks that it points to indirect leaks; pointers to itself do not count. */
__attribute__((no_sanitize("address", "thread"))) static void follow(origin_t *origin)
{
    if (origin->state == REACHED)
        return;
    const uintptr_t *words = (const uintptr_t *)origin->block;
    for (size_t i = 0; i < origin->size / sizeof *words; i++) {
        const void *base = mark_base((const void *)words[i]);
        origin_t *to = base && (uintptr_t)base != origin->block ? origin_of(base) : NULL;
        if (to && to->state == DIRECT)
            to->state = INDIRECT;
    }
}

static void count(origin_t *origin)
{
    if (origin->state == REACHED)
        return;
    int kind = origin->state == DIRECT ? LEAKS_DIRECT : LEAKS_INDIRECT;
    leak_group_t *group = &leaks.groups[origin->stack];
    double weight = options.leakrate ? sample_weight(origin->size, (uint64_t)options.leakrate) : 1;
    group->bytes[kind] += origin->size;
    group->blocks[kind]++;
    group->about_bytes[kind] += weight * (double)origin->size;
    group->about_blocks[kind] += weight;
    if (leaks.count <= origin->stack)
        leaks.count = origin->stack + 1;
}

void leaks_look(void)
{
    enum { BYTES = ORIGIN_STACKS * sizeof *leaks.groups };
    if (!leaks.groups) {
        leaks.groups = os_take(BYTES);
        if (!leaks.groups)
            return;
    }
    memset(leaks.groups, 0, leaks.count * sizeof *leaks.groups);
    leaks.count = 0;
    origin_each(judge);
    origin_each(follow);
    origin_each(count);
    leaks.looked = true;
}

const leak_group_t *leaks_found(uint32_t *count_of)
{
    bool looked = leaks.looked;
    leaks.looked = false;
    *count_of = leaks.count;
    return looked ? leaks.groups : NULL;
}
