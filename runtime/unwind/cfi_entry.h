/* cfi_entry: the entries of .eh_frame. An FDE describes one function; a CIE holds what many FDEs have in
 * common.
 *
 *     pc --binary search in .eh_frame_hdr--> FDE --its first word leads back--> CIE
 */
#ifndef WEIR_UNWIND_CFI_ENTRY_H
#define WEIR_UNWIND_CFI_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/unwind/cfi_reader.h"

/* A CIE or an FDE. */
typedef struct cfi_entry {
    cfi_reader_t instructions;
    uint64_t code_factor, data_factor; /* multiplied modulo 2^64 */
    uint8_t encoding;                  /* of addresses in FDEs */
    bool has_augmentation, is_signal_frame;
    uintptr_t start;
} cfi_entry_t;

/* The address of the last FDE that begins at or before pc; 0: none. */
uintptr_t cfi_entry_find(const cfi_tables_t *tables, uintptr_t pc);
/* Parse the FDE at that address, and its CIE. False: they are damaged, have a form that is not supported
 * here, or describe a function that ends before pc. */
bool cfi_entry_parse(const cfi_tables_t *tables, uintptr_t at, uintptr_t pc, cfi_entry_t *cie,
                     cfi_entry_t *fde);

#endif
