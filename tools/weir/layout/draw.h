/* draw: structs with their holes and what would be smaller, as a table, as a drawing of one, and as JSON. */
#ifndef WEIR_TOOLS_LAYOUT_DRAW_H
#define WEIR_TOOLS_LAYOUT_DRAW_H

#include <stdio.h>

#include "tools/weir/layout/order.h"
#include "tools/weir/layout/types.h"
#include "tools/weir/layout/uses.h"

/* A record and the best order of it. */
typedef struct advice {
    const layout_record_t *record;
    holes_t holes;
    member_order_t order;
    use_t use; /* by a heap profile, if there is one */
} advice_t;

/* What malloc takes for a block of so many bytes. */
uint64_t draw_cell(uint64_t size);

/* `has_uses`: a profile was read. */
void draw_table_head(bool has_uses);
void draw_table_row(const advice_t *advice, bool has_uses);
void draw_record(const advice_t *advice);
void draw_json(const advice_t *advice, bool is_first);
/* How many objects a profile has of it, and how many bytes less they would take. */
uint64_t draw_objects(const advice_t *advice);
uint64_t draw_saving(const advice_t *advice);
/* "move `kind` behind `flags`", or the members in order; no newline. */
void draw_change(const advice_t *advice, FILE *to);

#endif
