/* code_read: the instructions of a function of the profiled process, by its file and, where it has some,
 * its debug information. On processors other than x86-64 no function is known. */
#ifndef WEIR_TOOLS_ADVISE_CODE_READ_H
#define WEIR_TOOLS_ADVISE_CODE_READ_H

#include "tools/weir/advise/instruction.h"
#include "tools/weir/report/profile.h"

typedef struct code_range {
    uint64_t from, to; /* addresses of the file, as debug_files_open places it */
} range_t;

typedef struct code_place {
    uint64_t address; /* likewise */
    instruction_t instruction;
} code_place_t;

typedef struct code_function {
    const struct code_file *file;
    range_t *ranges;
    size_t range_count;
    code_place_t *places; /* its instructions, by address */
    size_t count, entry;
    bool is_known;     /* all its instructions were decoded */
    bool is_reentered; /* a call in it may return twice, as setjmp does */
    bool is_indirect;  /* it has a jump by a register or by a table */
    struct code_function *next;
} code_function_t;

/* The function that an address of the process lies in; the same function is the same pointer. NULL: it is
 * not known. */
const code_function_t *code_read_function(const profile_t *profile, uint64_t address);

/* The index of its instruction at an address of the process, or of the file. Any byte of the instruction will
 * do. SIZE_MAX: none. */
size_t code_read_place(const code_function_t *function, uint64_t address);
size_t code_read_place_at(const code_function_t *function, uint64_t address);

#endif
