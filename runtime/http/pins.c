/* pins: see pins.h. The heap is walked once (weir/walk.h); a row adds up the spans of one block size. */
#include "runtime/http/pins.h"

#include <stdlib.h>
#include <string.h>

#include <weir/walk.h>

enum {
    ROWS_MAX = 128,
    SHOWN = 12,
    ENOUGH = 64 * 1024 /* less than that is not mentioned */
};

typedef struct row {
    size_t block_size;
    uint64_t spans, blocks, used, resident, pinned; /* used: bytes of the blocks */
} row_t;

typedef struct pin_table {
    row_t rows[ROWS_MAX];
    size_t count;
    row_t all;
} pin_table_t;

static void row_add(row_t *row, const weir_span *span)
{
    row->spans++;
    row->blocks += span->used_blocks;
    row->used += span->used_blocks * span->block_size;
    row->resident += span->resident;
    row->pinned += span->pinned;
}

/* A large block, alone in its span, is left out: it holds no more than it takes. */
static bool add(void *ctx, const weir_span *span, size_t size)
{
    (void)size;
    pin_table_t *table = ctx;
    if (span->blocks == 1)
        return true;
    size_t i = 0;
    while (i < table->count && table->rows[i].block_size != span->block_size)
        i++;
    if (i == ROWS_MAX)
        return true;
    if (i == table->count)
        table->rows[table->count++] = (row_t){.block_size = span->block_size};
    row_add(&table->rows[i], span);
    row_add(&table->all, span);
    return true;
}

/* Bytes on pages that live blocks pin, without the blocks themselves. */
static uint64_t held_beside(const row_t *row)
{
    return row->pinned > row->used ? row->pinned - row->used : 0;
}

static int most_first(const void *left, const void *right)
{
    uint64_t a = held_beside(left), b = held_beside(right);
    return a < b ? 1 : a > b ? -1 : 0;
}

static void add_cell(text_t *text, size_t column, void (*add_value)(text_t *, uint64_t), uint64_t value)
{
    size_t from = text->length;
    add_value(text, value);
    text_align_right(text, from, column);
}

static void add_row(text_t *text, const char *name, const row_t *row)
{
    enum { NAME = 10, SPANS = 20, BLOCKS = 32, USED = 45, RESIDENT = 58, PINNED = 71, BESIDE = 84 };
    size_t from = text->length;
    if (name)
        text_add_str(text, name);
    else
        text_add_u64(text, row->block_size);
    text_align_right(text, from, NAME);
    add_cell(text, SPANS, text_add_u64, row->spans);
    add_cell(text, BLOCKS, text_add_u64, row->blocks);
    add_cell(text, USED, text_add_bytes, row->used);
    add_cell(text, RESIDENT, text_add_bytes, row->resident);
    add_cell(text, PINNED, text_add_bytes, row->pinned);
    add_cell(text, BESIDE, text_add_bytes, held_beside(row));
    text_add_char(text, '\n');
}

/* "3112 blocks of 96 bytes, 291.8 KiB, hold 11.6 MiB". */
static void add_verdict(text_t *text, const row_t *worst)
{
    if (held_beside(worst) < ENOUGH) {
        text_add_str(text, "no small block holds more than it takes\n");
        return;
    }
    text_add_u64(text, worst->blocks);
    text_add_str(text, " blocks of ");
    text_add_u64(text, worst->block_size);
    text_add_str(text, " bytes, ");
    text_add_bytes(text, worst->used);
    text_add_str(text, ", hold ");
    text_add_bytes(text, worst->pinned);
    text_add_str(text, " that would otherwise go back\n");
}

static void add_free_pages(text_t *text, const row_t *all)
{
    uint64_t bytes = all->resident - all->pinned;
    if (bytes >= ENOUGH) {
        text_add_bytes(text, bytes);
        text_add_str(text, " of their spans' pages are held by nobody: weir ctl PID free gives them back\n");
    }
    text_add_char(text, '\n');
}

void pins_write(text_t *text)
{
    static pin_table_t table; /* the caller's alone: see pins.h */
    memset(&table, 0, sizeof table);
    weir_heap_walk(add, &table);
    qsort(table.rows, table.count, sizeof table.rows[0], most_first);
    add_verdict(text, table.count > 0 ? &table.rows[0] : &table.all);
    add_free_pages(text, &table.all);
    text_add_str(text,
                 "block size     spans      blocks     in blocks     resident       pinned  beside them\n");
    for (size_t i = 0; i < table.count && i < SHOWN; i++)
        add_row(text, NULL, &table.rows[i]);
    add_row(text, "all", &table.all);
}
