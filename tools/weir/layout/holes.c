/* holes: see types.h. A byte that no member touches is in a hole. In the storage of a bit-field the bits that
 * no bit-field has are a hole of bits. The storage has the size and the alignment of the declared type; a
 * member that is no bit-field ends it. The counts are those of pahole(1).
 */
#include "tools/weir/layout/types.h"
#include "tools/weir/saturate.h"

/* How far the members so far reach. */
typedef struct fill {
    uint64_t end;         /* bits that are in use, or counted */
    uint64_t storage_end; /* of the bit-field before, in bits */
    uint64_t storage;     /* its bits; 0: the member before is none */
} fill_t;

static uint64_t storage_start(const member_t *member)
{
    uint64_t storage = member->size * 8;
    return storage ? member->start / storage * storage : member->start;
}

static void enter_storage(fill_t *fill, const member_t *member)
{
    uint64_t end = member->start + member->bits, storage = member->size * 8;
    if (end <= fill->storage_end && storage <= fill->storage)
        return;
    fill->storage = storage;
    fill->storage_end = storage_start(member) + storage;
    if (end > fill->storage_end)
        fill->storage_end += storage;
}

/* Takes the member. *bytes and *bits: the hole between it and the members before. */
static void take(fill_t *fill, const member_t *member, uint64_t *bytes, uint64_t *bits)
{
    *bytes = *bits = 0;
    if (member->start < fill->end &&
        member->kind != MEMBER_BITS) { /* in the padding of a base, or over an empty one */
        fill->end = member->start;
        fill->storage = 0;
    }
    if (fill->storage) {
        *bits = subtract(least(member->start, fill->storage_end), fill->end);
        fill->end += *bits;
    }
    if (member->kind == MEMBER_BITS) {
        uint64_t start = storage_start(member);
        if (fill->end < start) {
            *bytes = start / 8 - fill->end / 8;
            fill->end = start;
        }
        if (member->start > fill->end)
            *bits += member->start - fill->end;
        fill->end = member->start + member->bits;
        enter_storage(fill, member);
    } else {
        *bytes = subtract(member->start / 8, fill->end / 8);
        *fill = (fill_t){.end = member->start + member->size * 8};
    }
}

void record_hole_before(const layout_record_t *record, size_t member, uint64_t *bytes, uint64_t *bits)
{
    fill_t fill = {0};
    for (size_t i = 0; i <= member; i++)
        take(&fill, &record->members[i], bytes, bits);
}

holes_t record_holes(const layout_record_t *record)
{
    holes_t holes = {0};
    fill_t fill = {0};
    for (size_t i = 0; i < record->count; i++) {
        uint64_t bytes, bits;
        take(&fill, &record->members[i], &bytes, &bits);
        holes.holes += bytes > 0;
        holes.bytes += bytes;
        holes.bit_holes += bits > 0;
        holes.bits += bits;
    }
    uint64_t end = record->size * 8;
    if (fill.storage && fill.end < end) {
        holes.bit_padding = subtract(least(end, fill.storage_end), fill.end);
        fill.end += holes.bit_padding;
    }
    if (fill.end < end)
        holes.padding = record->size - fill.end / 8;
    return holes;
}
