/* draw: see draw.h. */
#include "tools/weir/layout/draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cells/classes.h"
#include "tools/weir/saturate.h"

enum { LINE = 64 /* bytes of a cache line */, ARRAY = 100 };

uint64_t draw_cell(uint64_t size)
{
    if (size <= SMALL_MAX)
        return class_size(class_of(size));
    return (size + OS_PAGE - 1) / OS_PAGE * OS_PAGE;
}

static const char *name_of(const member_t *member)
{
    return *member->name ? member->name : member->type;
}

static const char *last_part(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "?";
}

void draw_change(const advice_t *advice, FILE *to)
{
    const member_t *members = advice->record->members;
    const member_order_t *order = &advice->order;
    if (order->is_move) {
        fprintf(to, "move `%s` behind `%s`", name_of(&members[order->moved]),
                name_of(&members[order->after]));
        return;
    }
    for (size_t i = 0; i < advice->record->count; i++)
        fprintf(to, "%s%s", i ? ", " : "", name_of(&members[order->members[i]]));
}

/* --- the table --- */

uint64_t draw_objects(const advice_t *advice)
{
    return add(advice->use.sure, advice->use.likely);
}

/* As if each object of the profile had a cell of its own. */
uint64_t draw_saving(const advice_t *advice)
{
    if (!advice->order.members)
        return 0;
    return multiply(draw_objects(advice), draw_cell(advice->record->size) - draw_cell(advice->order.size));
}

static const char *certainty(const use_t *use)
{
    if (use->sure)
        return use->likely ? "partly" : "sure";
    return use->likely ? "likely" : use->unknown ? "unknown" : "none";
}

void draw_table_head(bool has_uses)
{
    if (has_uses)
        printf("%10s %-8s %12s ", "objects", "", "bytes less");
    printf("%8s %6s %8s %8s %6s %6s  %s\n", "size", "cell", "holes", "padding", "best", "cell", "struct");
}

void draw_table_row(const advice_t *advice, bool has_uses)
{
    const layout_record_t *record = advice->record;
    const use_t *use = &advice->use;
    if (has_uses)
        printf("%10" PRIu64 " %-8s %12" PRIu64 " ",
               draw_objects(advice) ? draw_objects(advice) : use->unknown, certainty(use),
               draw_saving(advice));
    printf("%8" PRIu64 " %6" PRIu64 " %8" PRIu64 " %8" PRIu64 " ", record->size, draw_cell(record->size),
           advice->holes.bytes, advice->holes.padding);
    if (advice->order.members)
        printf("%6" PRIu64 " %6" PRIu64 "  ", advice->order.size, draw_cell(advice->order.size));
    else
        printf("%6s %6s  ", "-", "-");
    printf("%s %s, %s:%d", record->keyword, record->name, last_part(record->file), record->line);
    if (advice->order.members) {
        fputs(": ", stdout);
        draw_change(advice, stdout);
    }
    printf("%s%s\n", advice->order.check ? "; check: " : "", advice->order.check ? advice->order.check : "");
}

/* --- one struct --- */

static void print_size(const char *what, uint64_t size)
{
    uint64_t cell = draw_cell(size), many = draw_cell(ARRAY * size);
    printf("%s%" PRIu64 " bytes; by malloc %" PRIu64 ", %" PRIu64 " of them lost; %d in an array %" PRIu64
           ", %" PRIu64 " lost\n",
           what, size, cell, cell - size, ARRAY, many, many - ARRAY * size);
}

static void print_gap(uint64_t at, uint64_t size, const char *what)
{
    if (size > 0)
        printf("%8" PRIu64 " %8" PRIu64 "      (%s)\n", at, size, what);
}

static void print_member(const member_t *member)
{
    uint64_t at = member->start / 8, end = at + member->size;
    if (member->kind == MEMBER_BITS)
        printf("%8" PRIu64 " %8s      %s %s: bits %" PRIu64 " to %" PRIu64 "\n", at, "", member->type,
               member->name, member->start % 8, member->start % 8 + member->bits - 1);
    else
        printf("%8" PRIu64 " %8" PRIu64 "      %s%s%s%s%s\n", at, member->size, member->type,
               *member->name ? " " : "", member->name, member->kind == MEMBER_BASE ? " (base)" : "",
               member->size > 0 && member->size <= LINE && at / LINE != (end - 1) / LINE
                   ? " (in two cache lines)"
                   : "");
}

void draw_record(const advice_t *advice)
{
    const layout_record_t *record = advice->record;
    const holes_t *holes = &advice->holes;
    printf("%s %s, %s:%d\n", record->keyword, record->name, record->file ? record->file : "?", record->line);
    print_size("  ", record->size);
    printf("  aligned to %u; %zu members, %" PRIu64 " bytes in %" PRIu64 " holes, %" PRIu64 " of padding",
           record->align, record->count, holes->bytes, holes->holes, holes->padding);
    if (holes->bit_holes || holes->bit_padding)
        printf(", %" PRIu64 " bits in %" PRIu64 " holes, %" PRIu64 " of padding", holes->bits,
               holes->bit_holes, holes->bit_padding);
    printf("\n%8s %8s\n", "byte", "size");
    bool is_union = strcmp(record->keyword, "union") == 0;
    for (size_t i = 0; i < record->count; i++) {
        uint64_t bytes = 0, bits = 0, at = record->members[i].start / 8;
        if (!is_union)
            record_hole_before(record, i, &bytes, &bits);
        print_gap(at - bytes, bytes, "hole");
        print_member(&record->members[i]);
    }
    if (!is_union)
        print_gap(record->size - holes->padding, holes->padding, "padding");
    if (advice->order.members) {
        print_size("  smaller: ", advice->order.size);
        fputs("    ", stdout);
        draw_change(advice, stdout);
        putchar('\n');
    }
    if (advice->order.check)
        printf("  check: %s\n", advice->order.check);
}

/* --- JSON --- */

static void print_text(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else
            putchar(*text);
    putchar('"');
}

static void print_json_member(const member_t *member, bool is_first)
{
    static const char *const kinds[] = {"field", "bits", "base", "table", "flexible"};
    printf("%s{\"kind\":\"%s\",\"name\":", is_first ? "" : ",", kinds[member->kind]);
    print_text(member->name);
    fputs(",\"type\":", stdout);
    print_text(member->type);
    printf(",\"offset\":%" PRIu64 ",\"size\":%" PRIu64 ",\"align\":%u", member->start / 8, member->size,
           member->align);
    if (member->kind == MEMBER_BITS)
        printf(",\"bit\":%" PRIu64 ",\"bits\":%u", member->start, member->bits);
    putchar('}');
}

void draw_json(const advice_t *advice, bool is_first)
{
    const layout_record_t *record = advice->record;
    const holes_t *holes = &advice->holes;
    printf("%s{\"keyword\":\"%s\",\"name\":", is_first ? "" : ",\n", record->keyword);
    print_text(record->name);
    fputs(",\"file\":", stdout);
    print_text(record->file ? record->file : "");
    printf(",\"line\":%d,\"size\":%" PRIu64 ",\"align\":%u,\"cell\":%" PRIu64, record->line, record->size,
           record->align, draw_cell(record->size));
    printf(",\"holes\":%" PRIu64 ",\"hole_bytes\":%" PRIu64 ",\"bit_holes\":%" PRIu64
           ",\"hole_bits\":%" PRIu64 ",\"padding\":%" PRIu64 ",\"bit_padding\":%" PRIu64 ",\"members\":[",
           holes->holes, holes->bytes, holes->bit_holes, holes->bits, holes->padding, holes->bit_padding);
    for (size_t i = 0; i < record->count; i++)
        print_json_member(&record->members[i], i == 0);
    putchar(']');
    if (advice->order.members) {
        printf(",\"best\":{\"size\":%" PRIu64 ",\"cell\":%" PRIu64 ",\"order\":[", advice->order.size,
               draw_cell(advice->order.size));
        for (size_t i = 0; i < record->count; i++)
            printf("%s%zu", i ? "," : "", advice->order.members[i]);
        fputs("]}", stdout);
    }
    printf(",\"sure\":%" PRIu64 ",\"likely\":%" PRIu64 ",\"unknown\":%" PRIu64, advice->use.sure,
           advice->use.likely, advice->use.unknown);
    if (advice->order.check) {
        fputs(",\"check\":", stdout);
        print_text(advice->order.check);
    }
    putchar('}');
}
