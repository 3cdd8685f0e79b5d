/* order: see order.h. Members are first put greedily: at each place the member of the greatest alignment that
 * fits there without a hole, else the one with the smallest hole. Members' sizes are multiples of their
 * alignments, and these are powers of two; so only a hole before the member of the greatest alignment is
 * left, and the padding at the end. If moving a single member makes the struct as small, that is what is
 * suggested.
 *
 * What stays where it is: bases, the table of virtual functions and a first member that is a struct, at the
 * start (casts rely on that); a flexible array, at the end. Bit-fields that follow one another stay together.
 */
#include "tools/weir/layout/order.h"

#include <stdlib.h>
#include <string.h>

#include "tools/weir/report/profile.h"

enum { MOST = 400 /* members; with more, no single move is looked for */ };

/* --- the rules --- */

static uint64_t up(uint64_t value, uint64_t unit)
{
    return unit > 1 ? (value + unit - 1) / unit * unit : value;
}

/* The first bit at which a member can lie, `end` bits being taken. */
static uint64_t place(const member_t *member, uint64_t end)
{
    if (member->kind != MEMBER_BITS)
        return up(end, (uint64_t)member->align * 8);
    uint64_t unit = member->size * 8; /* not 0: see shape_place */
    return end / unit == (end + member->bits - 1) / unit ? end : up(end, (uint64_t)member->align * 8);
}

static uint64_t end_of(const member_t *member, uint64_t start)
{
    return start + (member->kind == MEMBER_BITS ? member->bits : member->size * 8);
}

static bool is_at_start(const layout_record_t *record, size_t at)
{
    const member_t *member = &record->members[at];
    return member->kind == MEMBER_BASE || member->kind == MEMBER_TABLE ||
           (at == 0 && member->kind == MEMBER_FIELD && member->is_aggregate);
}

static size_t count_at_start(const layout_record_t *record)
{
    size_t count = 0;
    while (count < record->count && is_at_start(record, count))
        count++;
    return count;
}

/* Members of a derived class may lie in the padding of its base. */
static uint64_t end_of_start(const layout_record_t *record, size_t count)
{
    uint64_t end = count ? end_of(&record->members[count - 1], record->members[count - 1].start) : 0;
    return count && count < record->count && record->members[count].start < end ? record->members[count].start
                                                                                : end;
}

/* In bits, with the padding at the end. */
static uint64_t size_in_order(const layout_record_t *record, const size_t *order)
{
    size_t fixed = count_at_start(record);
    uint64_t end = end_of_start(record, fixed);
    for (size_t i = fixed; i < record->count; i++) {
        const member_t *member = &record->members[order[i]];
        end = end_of(member, place(member, end));
    }
    return up(end, (uint64_t)record->align * 8);
}

/* --- what may not be moved --- */

static bool has_unexplained_bits(const layout_record_t *record)
{
    for (size_t i = 1; i < record->count; i++) {
        const member_t *before = &record->members[i - 1], *member = &record->members[i];
        if (member->kind == MEMBER_BITS && before->kind == MEMBER_BITS &&
            place(member, before->start + before->bits) != member->start)
            return true;
    }
    return false;
}

static bool is_explained(const layout_record_t *record)
{
    size_t fixed = count_at_start(record);
    uint64_t end = end_of_start(record, fixed);
    for (size_t i = fixed; i < record->count; i++) {
        const member_t *member = &record->members[i];
        if (place(member, end) != member->start)
            return false;
        end = end_of(member, member->start);
    }
    return up(end, (uint64_t)record->align * 8) == record->size * 8;
}

static bool is_of_a_file(const layout_record_t *record)
{
    for (size_t i = 0; i < record->count; i++)
        if (!record->members[i].is_fixed_width)
            return false;
    return record->count > 1;
}

static bool has_aligned_member(const layout_record_t *record)
{
    for (size_t i = 0; i < record->count; i++)
        if (record->members[i].is_aligned)
            return true;
    return false;
}

static const char *why_not(const layout_record_t *record)
{
    if (strcmp(record->keyword, "union") == 0)
        return NULL;
    if (record->is_packed)
        return "it is packed";
    if (record->is_unclear)
        return "it has a virtual base, or variants";
    if (has_aligned_member(record))
        return "a member has an alignment of its own";
    if (has_unexplained_bits(record))
        return "bit-fields of it are kept apart";
    return is_explained(record) ? NULL : "its layout does not follow from its members";
}

/* --- the order --- */

/* Members that stay together: one, or bit-fields that follow one another. */
typedef struct group {
    size_t first, count;
    uint32_t align;
} group_t;

static size_t make_groups(const layout_record_t *record, group_t *groups)
{
    size_t count = 0;
    for (size_t i = count_at_start(record); i < record->count; i++) {
        const member_t *member = &record->members[i];
        bool follows = count > 0 && member->kind == MEMBER_BITS &&
                       record->members[i - 1].kind == MEMBER_BITS &&
                       groups[count - 1].first + groups[count - 1].count == i;
        if (!follows)
            groups[count++] = (group_t){.first = i};
        group_t *group = &groups[count - 1];
        group->count++;
        group->align = member->align > group->align ? member->align : group->align;
    }
    return count;
}

static uint64_t end_of_group(const layout_record_t *record, const group_t *group, uint64_t end)
{
    for (size_t i = group->first; i < group->first + group->count; i++)
        end = end_of(&record->members[i], place(&record->members[i], end));
    return end;
}

/* Is it better to go on with `a` than with `b`? */
static bool goes_first(const layout_record_t *record, const group_t *a, const group_t *b, uint64_t end)
{
    bool a_is_last = record->members[a->first].kind == MEMBER_FLEXIBLE,
         b_is_last = record->members[b->first].kind == MEMBER_FLEXIBLE;
    if (a_is_last != b_is_last)
        return b_is_last;
    uint64_t a_hole = place(&record->members[a->first], end) - end,
             b_hole = place(&record->members[b->first], end) - end;
    if (a_hole / 8 != b_hole / 8)
        return a_hole < b_hole;
    if (a->align != b->align)
        return a->align > b->align;
    return end_of_group(record, a, end) > end_of_group(record, b, end);
}

static void put_greedily(const layout_record_t *record, group_t *groups, size_t count, size_t *order)
{
    size_t fixed = count_at_start(record), used = fixed;
    uint64_t end = end_of_start(record, fixed);
    for (size_t i = 0; i < fixed; i++)
        order[i] = i;
    for (size_t left = count; left > 0; left--) {
        size_t best = 0;
        for (size_t i = 1; i < left; i++)
            if (goes_first(record, &groups[i], &groups[best], end))
                best = i;
        group_t group = groups[best];
        memmove(&groups[best], &groups[best + 1], (left - best - 1) * sizeof *groups);
        for (size_t i = 0; i < group.count; i++)
            order[used++] = group.first + i;
        end = end_of_group(record, &group, end);
    }
}

/* Move the element at `from` to `to`; those between shift by one. */
static void move(size_t *order, size_t from, size_t to)
{
    size_t moved = order[from];
    if (from < to)
        memmove(&order[from], &order[from + 1], (to - from) * sizeof *order);
    else
        memmove(&order[to + 1], &order[to], (from - to) * sizeof *order);
    order[to] = moved;
}

static bool may_move(const layout_record_t *record, size_t at)
{
    return record->members[at].kind == MEMBER_FIELD;
}

/* Not between two bit-fields, and not behind a flexible array. */
static bool may_stand(const layout_record_t *record, const size_t *order, size_t at)
{
    bool is_last = at + 1 == record->count;
    const member_t *before = at ? &record->members[order[at - 1]] : NULL,
                   *after = is_last ? NULL : &record->members[order[at + 1]];
    return !(before && before->kind == MEMBER_FLEXIBLE) &&
           !(before && after && before->kind == MEMBER_BITS && after->kind == MEMBER_BITS);
}

static void order_moved(const layout_record_t *record, size_t *order, size_t from, size_t to)
{
    for (size_t i = 0; i < record->count; i++)
        order[i] = i;
    move(order, from, to);
}

/* From one place to another. */
typedef struct step {
    size_t from, to;
} step_t;

static size_t step_length(step_t step)
{
    return step.from < step.to ? step.to - step.from : step.from - step.to;
}

/* Is move `a` of a smaller member than `b`, or of one as large and less far? */
static bool is_simpler(const layout_record_t *record, step_t a, step_t b)
{
    uint64_t of_a = record->members[a.from].size, of_b = record->members[b.from].size;
    return of_a != of_b ? of_a < of_b : step_length(a) < step_length(b);
}

/* Is there one member whose move makes the struct as small as `size` bits? If so, *best gets the simplest
 * such move. */
static bool find_move(const layout_record_t *record, uint64_t size, size_t *order, member_order_t *best)
{
    size_t fixed = count_at_start(record);
    step_t found = {0}, step;
    for (step.from = fixed; step.from < record->count; step.from++)
        for (step.to = fixed > 0 ? fixed : 1; step.to < record->count; step.to++) {
            if (step.from == step.to || !may_move(record, step.from) ||
                (best->is_move && !is_simpler(record, step, found)))
                continue;
            order_moved(record, order, step.from, step.to);
            if (!may_stand(record, order, step.to) || size_in_order(record, order) > size)
                continue;
            best->is_move = true;
            found = step;
        }
    if (best->is_move) {
        order_moved(record, order, found.from, found.to);
        best->moved = found.from;
        best->after = order[found.to - 1];
    }
    return best->is_move;
}

member_order_t order_best(const layout_record_t *record)
{
    member_order_t best = {.size = record->size, .check = why_not(record)};
    if (best.check || record->count < 2 || strcmp(record->keyword, "union") == 0)
        return best;
    size_t *order = profile_room(record->count, sizeof *order);
    group_t *groups = profile_room(record->count, sizeof *groups);
    put_greedily(record, groups, make_groups(record, groups), order);
    uint64_t size = size_in_order(record, order);
    free(groups);
    if (size >= record->size * 8) {
        free(order);
        return best;
    }
    best.size = size / 8;
    best.members = order;
    size_t *moved = profile_room(record->count, sizeof *moved);
    if (record->count <= MOST && find_move(record, size, moved, &best)) {
        best.members = moved;
        moved = order;
    }
    free(moved);
    if (is_of_a_file(record))
        best.check = "its members are all of a fixed width: it may be the format of a file";
    return best;
}
