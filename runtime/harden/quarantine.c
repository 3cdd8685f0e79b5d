/* quarantine: see quarantine.h. */
#include "runtime/harden/quarantine.h"

enum { COUNT_MAX = 4096, BYTES_MAX = 8 << 20, LARGE_SHARE = 16 };

static struct {
    char *users[COUNT_MAX]; /* a ring */
    uint32_t oldest, count;
    uint32_t turn; /* of the patrol */
    size_t bytes;
} quarantine;

static size_t charge_of(const block_t *block)
{
    size_t bytes = (size_t)(block->end - block->start);
    return block->record->resident ? bytes : bytes / LARGE_SHARE;
}

static char *user_of(uint32_t age)
{
    return quarantine.users[(quarantine.oldest + age) % COUNT_MAX];
}

void quarantine_put(const block_t *block)
{
    block_poison(block);
    quarantine.users[(quarantine.oldest + quarantine.count++) % COUNT_MAX] = block->user;
    quarantine.bytes += charge_of(block);
}

bool quarantine_is_full(void)
{
    return quarantine.count == COUNT_MAX;
}

static bool is_overfull(void)
{
    if (quarantine_is_full())
        return true;
    return quarantine.bytes > BYTES_MAX && (quarantine.count > 1 || block_at(user_of(0)).record->resident);
}

void *quarantine_take(bool all, bool *accessible, finding_t *finding)
{
    if (!is_overfull() && !(all && quarantine.count))
        return NULL;
    block_t block = block_at(user_of(0));
    quarantine.bytes -= charge_of(&block);
    quarantine.oldest = (quarantine.oldest + 1) % COUNT_MAX;
    quarantine.count--;
    *finding = block_check_poison(&block);
    *accessible = block_release(&block);
    return block.start;
}

finding_t quarantine_patrol(void)
{
    if (!quarantine.count)
        return (finding_t){0};
    block_t newest = block_at(user_of(quarantine.count - 1));
    block_t other = block_at(user_of(quarantine.turn++ % quarantine.count));
    finding_t finding = block_check_poison(&newest);
    return finding.what ? finding : block_check_poison(&other);
}
