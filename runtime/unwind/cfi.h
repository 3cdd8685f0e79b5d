/* cfi: where a function keeps its caller's registers, from the call frame information that compilers write
 * for exceptions.
 *
 * The sections .eh_frame_hdr and .eh_frame are read in place (Linux Standard Base 5.0, 10.6 and 10.7; DWARF
 * 5, 6.4). Programs without frame pointers have them too. _dl_find_object finds the section of an address: it
 * takes no lock, and is there since glibc 2.35.
 *
 *     address --_dl_find_object--> .eh_frame_hdr --binary search--> FDE --its instructions--> row
 *
 * A row says how the caller's registers are found from the CFA (canonical frame address), which is the stack
 * pointer before the call. Nothing here allocates or locks. Only the sections and the memory within the
 * caller's bounds are read.
 */
#ifndef WEIR_UNWIND_CFI_H
#define WEIR_UNWIND_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/unwind/cfi_reader.h"

/* Where the caller's register is. */
enum cfi_how {
    CFI_SAME,          /* it was not changed */
    CFI_UNDEFINED,     /* its value is lost; for the return address: this is the outermost frame */
    CFI_AT_OFFSET,     /* in memory, at CFA + offset */
    CFI_IS_OFFSET,     /* it is CFA + offset */
    CFI_IN_REGISTER,   /* in another register */
    CFI_AT_EXPRESSION, /* in memory, at the address that an expression gives */
    CFI_IS_EXPRESSION  /* it is the value of an expression */
};

typedef struct cfi_rule {
    uint8_t how; /* enum cfi_how */
    uint8_t reg; /* CFI_IN_REGISTER */
    union {
        int32_t offset;
        /* Bytes from cfi_row.expressions to the block: its length as ULEB128, then DWARF operations. */
        uint32_t expression;
    };
} cfi_rule_t;

typedef struct cfi_row {
    cfi_rule_t rules[CFI_REGISTERS];
    cfi_rule_t cfa; /* CFI_IN_REGISTER: register + cfa_offset; CFI_IS_EXPRESSION */
    int32_t cfa_offset;
    bool is_signal_frame;             /* its return address is the interrupted instruction itself */
    const uint8_t *expressions, *end; /* base of the expressions' offsets; end of the mapping */
} cfi_row_t;

/* The row for the instruction at pc. False: no table describes it, or the description uses what is not
 * supported here. */
bool cfi_find(uintptr_t pc, cfi_row_t *row);
/* The same with the given tables. Whatever they contain, nothing outside of [low, high) is read. */
bool cfi_find_in(const cfi_tables_t *tables, uintptr_t pc, cfi_row_t *row);

/* The address of the tables that describe pc. It stays the same as long as the same file is mapped there.
 * NULL: no table describes pc. */
const void *cfi_tables(uintptr_t pc);

/* The registers of a frame; `known` has a bit for each that has a value. */
typedef struct cfi_frame {
    uintptr_t reg[CFI_REGISTERS];
    uint32_t known;
} cfi_frame_t;

/* Memory that may be read: [low, high). */
typedef struct cfi_bounds {
    uintptr_t low, high;
} cfi_bounds_t;

/* From a frame to its caller's. False: the row needs a register that is not known, or memory outside of the
 * bounds. */
bool cfi_step(const cfi_row_t *row, const cfi_bounds_t *bounds, cfi_frame_t *frame);

#endif
