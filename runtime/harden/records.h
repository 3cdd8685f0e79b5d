/* records: what is known about each block of the hardened heap (block.h), in side tables, out of reach of an
 * overflow.
 *
 * A large block has the record of the slot that its object begins in. A slot that has cells has an array with
 * one record for each cell; its length depends on the size of the cells. When the slot gets cells of a size
 * that needs another length, its array is kept for other slots that need it.
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

/* Make the records, unless they are there. False: no memory. Records for cells of another size that the slot
 * had are forgotten. */
bool records_make_large(uint32_t slot);
bool records_make_cells(uint32_t slot, uint32_t cell_size);

#endif
