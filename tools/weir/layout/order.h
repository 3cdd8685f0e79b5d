/* order: another order of a struct's members in which it is smaller, by the layout rules of the System V ABI
 * (gcc and clang on Linux): a member lies at the next multiple of its type's alignment, a bit-field in the
 * next bits that do not cross a unit of its declared type. */
#ifndef WEIR_TOOLS_LAYOUT_ORDER_H
#define WEIR_TOOLS_LAYOUT_ORDER_H

#include "tools/weir/layout/types.h"

typedef struct member_order {
    uint64_t size;       /* in that order; the record's own, if there is none that is smaller */
    size_t *members;     /* the record's members in that order; NULL: as they are. The caller frees it */
    bool is_move;        /* to move one member is enough: */
    size_t moved, after; /* `moved`, to behind `after` */
    const char *check;   /* why none is suggested, or what to look at first; NULL: nothing */
} member_order_t;

member_order_t order_best(const layout_record_t *record);

#endif
