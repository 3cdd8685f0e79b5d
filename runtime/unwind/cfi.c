/* cfi: see cfi.h. An entry's instructions are a program for a small machine that makes the row (DWARF 5,
 * 6.4.2). */
#define _GNU_SOURCE
#include "runtime/unwind/cfi.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "runtime/unwind/cfi_entry.h"

#if defined __x86_64__ && defined DLFO_STRUCT_HAS_EH_DBASE

const void *cfi_tables(uintptr_t pc)
{
    struct dl_find_object found;
    return _dl_find_object((void *)pc, &found) == 0 ? found.dlfo_eh_frame : NULL;
}

enum {
    CFA_ADVANCE_LOC = 1, /* the two highest bits; the operand is in the others */
    CFA_OFFSET = 2,
    CFA_RESTORE = 3,
    CFA_NOP = 0x00,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE_LOC1 = 0x02,
    CFA_ADVANCE_LOC2 = 0x03,
    CFA_ADVANCE_LOC4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_REGISTER = 0x0d,
    CFA_DEF_CFA_OFFSET = 0x0e,
    CFA_DEF_CFA_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_CFA_SF = 0x12,
    CFA_DEF_CFA_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_GNU_ARGS_SIZE = 0x2e,
};

enum { REMEMBERED = 4 };

typedef struct machine {
    cfi_row_t *row;
    const cfi_entry_t *cie;
    cfi_rule_t initial[CFI_REGISTERS]; /* after the CIE's instructions */
    struct {
        cfi_rule_t rules[CFI_REGISTERS], cfa;
        int32_t cfa_offset;
    } remembered[REMEMBERED];
    uint32_t depth;
    uintptr_t location;
} machine_t;

static void set_rule(machine_t *machine, uint64_t reg, cfi_rule_t rule)
{
    if (reg < CFI_REGISTERS)
        machine->row->rules[reg] = rule;
}

static void set_offset(machine_t *machine, uint64_t reg, enum cfi_how how, uint64_t factored)
{
    set_rule(machine, reg,
             (cfi_rule_t){.how = (uint8_t)how, .offset = (int32_t)(factored * machine->cie->data_factor)});
}

/* CFI_REGISTERS, for which no frame has a value, stands for every register that is not known here. */
static cfi_rule_t in_register(uint64_t reg)
{
    return (cfi_rule_t){.how = CFI_IN_REGISTER, .reg = (uint8_t)(reg < CFI_REGISTERS ? reg : CFI_REGISTERS)};
}

static void set_cfa(machine_t *machine, uint64_t reg, uint64_t offset)
{
    machine->row->cfa = in_register(reg);
    machine->row->cfa_offset = (int32_t)offset;
}

static cfi_rule_t read_expression(machine_t *machine, cfi_reader_t *in, enum cfi_how how)
{
    cfi_rule_t rule = {.how = (uint8_t)how, .expression = (uint32_t)(in->at - machine->row->expressions)};
    cfi_skip(in, cfi_read_uleb(in));
    return rule;
}

static bool remember(machine_t *machine)
{
    if (machine->depth == REMEMBERED)
        return false;
    memcpy(machine->remembered[machine->depth].rules, machine->row->rules, sizeof machine->row->rules);
    machine->remembered[machine->depth].cfa = machine->row->cfa;
    machine->remembered[machine->depth++].cfa_offset = machine->row->cfa_offset;
    return true;
}

static bool recall(machine_t *machine)
{
    if (machine->depth == 0)
        return false;
    memcpy(machine->row->rules, machine->remembered[--machine->depth].rules, sizeof machine->row->rules);
    machine->row->cfa = machine->remembered[machine->depth].cfa;
    machine->row->cfa_offset = machine->remembered[machine->depth].cfa_offset;
    return true;
}

/* The instructions that say where the CFA is. False: it is none of them. */
static bool execute_cfa(machine_t *machine, cfi_reader_t *in, uint8_t operation)
{
    cfi_row_t *row = machine->row;
    uint64_t reg;
    switch (operation) {
    case CFA_DEF_CFA:
        reg = cfi_read_uleb(in);
        set_cfa(machine, reg, cfi_read_uleb(in));
        return true;
    case CFA_DEF_CFA_SF:
        reg = cfi_read_uleb(in);
        set_cfa(machine, reg, (uint64_t)cfi_read_sleb(in) * machine->cie->data_factor);
        return true;
    case CFA_DEF_CFA_REGISTER:
        set_cfa(machine, cfi_read_uleb(in), (uint64_t)row->cfa_offset);
        return true;
    case CFA_DEF_CFA_OFFSET:
        row->cfa_offset = (int32_t)cfi_read_uleb(in);
        return true;
    case CFA_DEF_CFA_OFFSET_SF:
        row->cfa_offset = (int32_t)((uint64_t)cfi_read_sleb(in) * machine->cie->data_factor);
        return true;
    case CFA_DEF_CFA_EXPRESSION:
        row->cfa = read_expression(machine, in, CFI_IS_EXPRESSION);
        return true;
    default:
        return false;
    }
}

/* The instructions that say where a register is. False: it is none of them. */
static bool execute_register(machine_t *machine, cfi_reader_t *in, uint8_t operation)
{
    uint64_t reg = cfi_read_uleb(in);
    switch (operation) {
    case CFA_OFFSET_EXTENDED:
        set_offset(machine, reg, CFI_AT_OFFSET, cfi_read_uleb(in));
        return true;
    case CFA_OFFSET_EXTENDED_SF:
        set_offset(machine, reg, CFI_AT_OFFSET, (uint64_t)cfi_read_sleb(in));
        return true;
    case CFA_VAL_OFFSET:
        set_offset(machine, reg, CFI_IS_OFFSET, cfi_read_uleb(in));
        return true;
    case CFA_VAL_OFFSET_SF:
        set_offset(machine, reg, CFI_IS_OFFSET, (uint64_t)cfi_read_sleb(in));
        return true;
    case CFA_RESTORE_EXTENDED:
        if (reg < CFI_REGISTERS)
            set_rule(machine, reg, machine->initial[reg]);
        return true;
    case CFA_UNDEFINED:
        set_rule(machine, reg, (cfi_rule_t){.how = CFI_UNDEFINED});
        return true;
    case CFA_SAME_VALUE:
        set_rule(machine, reg, (cfi_rule_t){.how = CFI_SAME});
        return true;
    case CFA_REGISTER:
        set_rule(machine, reg, in_register(cfi_read_uleb(in)));
        return true;
    case CFA_EXPRESSION:
        set_rule(machine, reg, read_expression(machine, in, CFI_AT_EXPRESSION));
        return true;
    case CFA_VAL_EXPRESSION:
        set_rule(machine, reg, read_expression(machine, in, CFI_IS_EXPRESSION));
        return true;
    default:
        return false;
    }
}

/* Run the instructions that apply to addresses up to pc. False: one is not supported here. */
static bool execute(machine_t *machine, cfi_reader_t in, uintptr_t pc)
{
    while (in.at < in.end && machine->location <= pc) {
        uint8_t operation = cfi_read_u8(&in), low = operation & 0x3f;
        uint64_t factor = machine->cie->code_factor;
        if (operation >> 6 == CFA_ADVANCE_LOC) {
            machine->location += low * factor;
        } else if (operation >> 6 == CFA_OFFSET) {
            set_offset(machine, low, CFI_AT_OFFSET, cfi_read_uleb(&in));
        } else if (operation >> 6 == CFA_RESTORE) {
            if (low < CFI_REGISTERS)
                set_rule(machine, low, machine->initial[low]);
        } else if (operation >= CFA_ADVANCE_LOC1 && operation <= CFA_ADVANCE_LOC4) {
            machine->location += cfi_read_fixed(&in, (size_t)1 << (operation - CFA_ADVANCE_LOC1)) * factor;
        } else if (operation == CFA_SET_LOC) {
            if (!cfi_read_encoded(&in, machine->cie->encoding, 0, &machine->location))
                return false;
        } else if (operation == CFA_REMEMBER_STATE || operation == CFA_RESTORE_STATE) {
            if (!(operation == CFA_REMEMBER_STATE ? remember(machine) : recall(machine)))
                return false;
        } else if (operation == CFA_GNU_ARGS_SIZE) {
            cfi_read_uleb(&in);
        } else if (operation != CFA_NOP && !execute_cfa(machine, &in, operation) &&
                   !execute_register(machine, &in, operation)) {
            return false;
        }
    }
    return true;
}

bool cfi_find_in(const cfi_tables_t *tables, uintptr_t pc, cfi_row_t *row)
{
    uintptr_t at = cfi_entry_find(tables, pc);
    cfi_entry_t cie = {.encoding = 0}, fde = {.encoding = 0};
    if (!at || !cfi_entry_parse(tables, at, pc, &cie, &fde))
        return false;
    memset(row, 0, sizeof *row);
    row->expressions = cie.instructions.at < fde.instructions.at ? cie.instructions.at : fde.instructions.at;
    row->end = tables->high;
    row->is_signal_frame = cie.is_signal_frame;
    row->rules[CFI_RSP].how = CFI_IS_OFFSET; /* the CFA itself */
    machine_t machine = {.row = row, .cie = &cie};
    if (!execute(&machine, cie.instructions, UINTPTR_MAX))
        return false;
    memcpy(machine.initial, row->rules, sizeof row->rules);
    machine.location = fde.start;
    return execute(&machine, fde.instructions, pc);
}

bool cfi_find(uintptr_t pc, cfi_row_t *row)
{
    struct dl_find_object found;
    if (_dl_find_object((void *)pc, &found) != 0 || !found.dlfo_eh_frame)
        return false;
    cfi_tables_t tables = {found.dlfo_eh_frame, found.dlfo_map_start, found.dlfo_map_end};
    return cfi_find_in(&tables, pc, row);
}

#else /* another processor, or a C library without _dl_find_object: nothing is described */

const void *cfi_tables(uintptr_t pc)
{
    (void)pc;
    return NULL;
}

bool cfi_find(uintptr_t pc, cfi_row_t *row)
{
    (void)pc, (void)row;
    return false;
}

bool cfi_find_in(const cfi_tables_t *tables, uintptr_t pc, cfi_row_t *row)
{
    (void)tables, (void)pc, (void)row;
    return false;
}

#endif
