/* records: what is known about each block of the hardened heap (block.h), in side tables, out of reach of an
 * overflow.
 *
 * A large block has the record of the slot that its object begins in. A slot that has cells has an array with
 * a record for each of them, made for cells of that size: as much as the cells need, and not as the smallest
 * would. When the slot has cells of another size its array goes to the slots that come to have the old one.
 *
 * The caller holds the lock of hardening (harden.c). */
#ifndef WEIR_HARDEN_RECORDS_H
#define WEIR_HARDEN_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

enum block_state {
    BLOCK_UNKNOWN,     /* never handed out */
    BLOCK_LIVE,        /* the program's */
    BLOCK_QUARANTINED, /* freed, zeroed, watched */
    BLOCK_RETURNED,    /* with the heap again */
};

typedef struct record {
    uint64_t size : 48; /* as the program asked for */
    uint64_t alignment_log : 6;
    uint64_t state : 2;     /* enum block_state */
    uint64_t call : 2;      /* enum heap_call */
    uint64_t guarded : 1;   /* the pages after it are inaccessible */
    uint64_t forbidden : 1; /* all of it is: in quarantine */
    uint64_t resident : 1;  /* in quarantine, and the kernel did not take its pages */
} record_t;
_Static_assert(sizeof(record_t) == sizeof(uint64_t), "there is one for each block");

/* The record of a large block by the slot of its object, or of a cell by its number in a slot with cells of
 * this size. NULL: there is none yet. */
record_t *records_large(uint32_t slot);
record_t *records_cell(uint32_t slot, uint32_t cell_size, uint32_t cell);

/* Have them. False: no memory. Those that a slot had of cells of another size are forgotten. */
bool records_make_large(uint32_t slot);
bool records_make_cells(uint32_t slot, uint32_t cell_size);

#endif
