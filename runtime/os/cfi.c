/* cfi: see cfi.h. The sections may be damaged: each length and pointer in them is held against the file's
 * mapping. */
#define _GNU_SOURCE
#include "runtime/os/cfi.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "runtime/os/os.h"

#if defined __x86_64__ && defined DLFO_STRUCT_HAS_EH_DBASE

/* --- reading --- */

typedef struct reader {
    const uint8_t *at, *end;
} reader_t;

/* What may be read from an address on. Empty: nothing. */
static reader_t reader_at(const cfi_tables_t *tables, uintptr_t address)
{
    if (address - (uintptr_t)tables->low >= (uintptr_t)(tables->high - tables->low))
        return (reader_t){tables->high, tables->high};
    return (reader_t){tables->low + (address - (uintptr_t)tables->low), tables->high};
}

static void skip(reader_t *in, uint64_t size)
{
    in->at = (uint64_t)(in->end - in->at) < size ? in->end : in->at + size;
}

static uint64_t read_fixed(reader_t *in, size_t size)
{
    uint64_t value = 0;
    if ((size_t)(in->end - in->at) < size) {
        in->at = in->end;
        return 0;
    }
    memcpy(&value, in->at, size);
    in->at += size;
    return value;
}

static uint8_t read_u8(reader_t *in)
{
    return (uint8_t)read_fixed(in, 1);
}

static uint64_t read_uleb(reader_t *in)
{
    uint64_t value = 0;
    uint8_t byte;
    for (uint32_t shift = 0; in->at < in->end; shift += 7) {
        byte = *in->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

static int64_t read_sleb(reader_t *in)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte = 0;
    while (in->at < in->end) {
        byte = *in->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (!(byte & 0x80))
            break;
    }
    if (shift < 64 && byte & 0x40)
        value |= ~(uint64_t)0 << shift;
    return (int64_t)value;
}

/* How pointers are encoded: the low four bits say in what form, the next three relative to what. */
enum {
    ENC_ABSPTR = 0,
    ENC_UDATA2 = 2,
    ENC_UDATA4 = 3,
    ENC_UDATA8 = 4,
    ENC_SDATA2 = 0xa,
    ENC_SDATA4 = 0xb,
    ENC_SDATA8 = 0xc
};
enum { ENC_PCREL = 0x10, ENC_DATAREL = 0x30, ENC_OMIT = 0xff };

static bool read_encoded(reader_t *in, uint8_t encoding, uintptr_t data, uintptr_t *value)
{
    uintptr_t base = (encoding & 0x70) == ENC_PCREL     ? (uintptr_t)in->at
                     : (encoding & 0x70) == ENC_DATAREL ? data
                                                        : 0;
    switch (encoding & 0x0f) {
    case ENC_ABSPTR:
    case ENC_UDATA8:
    case ENC_SDATA8:
        *value = base + read_fixed(in, 8);
        return true;
    case ENC_UDATA4:
        *value = base + read_fixed(in, 4);
        return true;
    case ENC_SDATA4:
        *value = base + (uintptr_t)(int32_t)read_fixed(in, 4);
        return true;
    case ENC_UDATA2:
        *value = base + read_fixed(in, 2);
        return true;
    case ENC_SDATA2:
        *value = base + (uintptr_t)(int16_t)read_fixed(in, 2);
        return true;
    default:
        return false;
    }
}

/* --- from an address to its entry --- */

const void *cfi_tables(uintptr_t pc)
{
    struct dl_find_object found;
    return _dl_find_object((void *)pc, &found) == 0 ? found.dlfo_eh_frame : NULL;
}

/* The table of .eh_frame_hdr, sorted: pairs of the start of a function and its FDE, each relative to the
 * section. */
typedef struct header_pair {
    int32_t start, fde;
} header_pair_t;

static header_pair_t pair_at(reader_t pairs, size_t i)
{
    header_pair_t pair;
    memcpy(&pair, pairs.at + i * sizeof pair, sizeof pair);
    return pair;
}

/* The address of the last FDE that begins at or before pc; 0: none. */
static uintptr_t find_fde(const cfi_tables_t *tables, uintptr_t pc)
{
    uintptr_t header = (uintptr_t)tables->header, eh_frame, count;
    reader_t in = reader_at(tables, header);
    uint8_t version = read_u8(&in), eh_frame_encoding = read_u8(&in), count_encoding = read_u8(&in);
    if (version != 1 || read_u8(&in) != (ENC_DATAREL | ENC_SDATA4) || count_encoding == ENC_OMIT ||
        !read_encoded(&in, eh_frame_encoding, header, &eh_frame) ||
        !read_encoded(&in, count_encoding, header, &count) || count == 0 ||
        count > (size_t)(in.end - in.at) / sizeof(header_pair_t))
        return 0;
    intptr_t wanted = (intptr_t)(pc - header);
    size_t low = 0, high = count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (pair_at(in, middle).start <= wanted)
            low = middle;
        else
            high = middle;
    }
    header_pair_t pair = pair_at(in, low);
    return pair.start <= wanted ? header + (uintptr_t)(intptr_t)pair.fde : 0;
}

/* Common and frame description entries. */
typedef struct frame_entry {
    reader_t instructions;
    uint64_t code_factor, data_factor; /* multiplied modulo 2^64 */
    uint8_t encoding;                  /* of addresses in FDEs */
    bool has_augmentation, is_signal_frame;
    uintptr_t start;
} frame_entry_t;

/* The bytes of an entry behind its length. */
static reader_t entry_bytes(const cfi_tables_t *tables, uintptr_t at)
{
    reader_t in = reader_at(tables, at);
    uint64_t length = read_fixed(&in, 4);
    if (length == 0xffffffff) /* 64-bit DWARF is not for .eh_frame sections of less than 4 GiB */
        length = 0;
    if (length < (uint64_t)(in.end - in.at))
        in.end = in.at + length;
    return in;
}

/* The letters of an augmentation; each says that something is in the data that follow. */
static bool parse_augmentation(const char *letters, reader_t *in, frame_entry_t *cie)
{
    uint64_t length = read_uleb(in);
    reader_t data = *in;
    uintptr_t personality;
    cie->has_augmentation = true;
    for (const char *c = letters; *c; c++)
        if (*c == 'R')
            cie->encoding = read_u8(&data);
        else if (*c == 'L')
            read_u8(&data);
        else if (*c == 'P' && !read_encoded(&data, read_u8(&data), 0, &personality))
            return false;
        else if (*c == 'S')
            cie->is_signal_frame = true;
    skip(in, length);
    return true;
}

static bool parse_cie(const cfi_tables_t *tables, uintptr_t at, frame_entry_t *cie)
{
    reader_t in = entry_bytes(tables, at);
    if (in.end - in.at < 4 || read_fixed(&in, 4) != 0)
        return false;
    uint8_t version = read_u8(&in);
    const char *augmentation = (const char *)in.at;
    size_t letters = strnlen(augmentation, (size_t)(in.end - in.at));
    if (letters == (size_t)(in.end - in.at))
        return false;
    skip(&in, letters + 1);
    cie->code_factor = read_uleb(&in);
    cie->data_factor = (uint64_t)read_sleb(&in);
    uint64_t return_register = version == 1 ? read_u8(&in) : read_uleb(&in);
    if ((version != 1 && version != 3) || return_register != CFI_RETURN)
        return false;
    cie->encoding = ENC_ABSPTR;
    if (*augmentation == 'z' ? !parse_augmentation(augmentation + 1, &in, cie) : *augmentation != 0)
        return false;
    cie->instructions = in;
    return true;
}

/* Fills in both; false also if the function that the entry is about has ended before pc. */
static bool parse_fde(const cfi_tables_t *tables, uintptr_t at, uintptr_t pc, frame_entry_t *cie,
                      frame_entry_t *fde)
{
    reader_t in = entry_bytes(tables, at);
    uintptr_t field = (uintptr_t)in.at;
    uint64_t back = read_fixed(&in, 4);
    if (back == 0 || !parse_cie(tables, field - back, cie))
        return false;
    uintptr_t range;
    if (!read_encoded(&in, cie->encoding, 0, &fde->start) ||
        !read_encoded(&in, cie->encoding & 0x0f, 0, &range) || pc - fde->start >= range)
        return false;
    if (cie->has_augmentation)
        skip(&in, read_uleb(&in));
    fde->instructions = in;
    return true;
}

/* --- the instructions of an entry --- */

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
    const frame_entry_t *cie;
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

/* A register that no frame has a value of stands for all that are not known here. */
static cfi_rule_t in_register(uint64_t reg)
{
    return (cfi_rule_t){.how = CFI_IN_REGISTER, .reg = (uint8_t)(reg < CFI_REGISTERS ? reg : CFI_REGISTERS)};
}

static void set_cfa(machine_t *machine, uint64_t reg, uint64_t offset)
{
    machine->row->cfa = in_register(reg);
    machine->row->cfa_offset = (int32_t)offset;
}

static cfi_rule_t read_expression(machine_t *machine, reader_t *in, enum cfi_how how)
{
    cfi_rule_t rule = {.how = (uint8_t)how, .expression = (uint32_t)(in->at - machine->row->expressions)};
    skip(in, read_uleb(in));
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
static bool execute_cfa(machine_t *machine, reader_t *in, uint8_t operation)
{
    cfi_row_t *row = machine->row;
    uint64_t reg;
    switch (operation) {
    case CFA_DEF_CFA:
        reg = read_uleb(in);
        set_cfa(machine, reg, read_uleb(in));
        return true;
    case CFA_DEF_CFA_SF:
        reg = read_uleb(in);
        set_cfa(machine, reg, (uint64_t)read_sleb(in) * machine->cie->data_factor);
        return true;
    case CFA_DEF_CFA_REGISTER:
        set_cfa(machine, read_uleb(in), (uint64_t)row->cfa_offset);
        return true;
    case CFA_DEF_CFA_OFFSET:
        row->cfa_offset = (int32_t)read_uleb(in);
        return true;
    case CFA_DEF_CFA_OFFSET_SF:
        row->cfa_offset = (int32_t)((uint64_t)read_sleb(in) * machine->cie->data_factor);
        return true;
    case CFA_DEF_CFA_EXPRESSION:
        row->cfa = read_expression(machine, in, CFI_IS_EXPRESSION);
        return true;
    default:
        return false;
    }
}

/* Those that say where a register is. */
static bool execute_register(machine_t *machine, reader_t *in, uint8_t operation)
{
    uint64_t reg = read_uleb(in);
    switch (operation) {
    case CFA_OFFSET_EXTENDED:
        set_offset(machine, reg, CFI_AT_OFFSET, read_uleb(in));
        return true;
    case CFA_OFFSET_EXTENDED_SF:
        set_offset(machine, reg, CFI_AT_OFFSET, (uint64_t)read_sleb(in));
        return true;
    case CFA_VAL_OFFSET:
        set_offset(machine, reg, CFI_IS_OFFSET, read_uleb(in));
        return true;
    case CFA_VAL_OFFSET_SF:
        set_offset(machine, reg, CFI_IS_OFFSET, (uint64_t)read_sleb(in));
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
        set_rule(machine, reg, in_register(read_uleb(in)));
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

/* Run the instructions as far as they are about addresses up to pc. False: one is not understood. */
static bool execute(machine_t *machine, reader_t in, uintptr_t pc)
{
    while (in.at < in.end && machine->location <= pc) {
        uint8_t operation = read_u8(&in), low = operation & 0x3f;
        uint64_t factor = machine->cie->code_factor;
        if (operation >> 6 == CFA_ADVANCE_LOC) {
            machine->location += low * factor;
        } else if (operation >> 6 == CFA_OFFSET) {
            set_offset(machine, low, CFI_AT_OFFSET, read_uleb(&in));
        } else if (operation >> 6 == CFA_RESTORE) {
            if (low < CFI_REGISTERS)
                set_rule(machine, low, machine->initial[low]);
        } else if (operation >= CFA_ADVANCE_LOC1 && operation <= CFA_ADVANCE_LOC4) {
            machine->location += read_fixed(&in, (size_t)1 << (operation - CFA_ADVANCE_LOC1)) * factor;
        } else if (operation == CFA_SET_LOC) {
            if (!read_encoded(&in, machine->cie->encoding, 0, &machine->location))
                return false;
        } else if (operation == CFA_REMEMBER_STATE || operation == CFA_RESTORE_STATE) {
            if (!(operation == CFA_REMEMBER_STATE ? remember(machine) : recall(machine)))
                return false;
        } else if (operation == CFA_GNU_ARGS_SIZE) {
            read_uleb(&in);
        } else if (operation != CFA_NOP && !execute_cfa(machine, &in, operation) &&
                   !execute_register(machine, &in, operation)) {
            return false;
        }
    }
    return true;
}

bool cfi_find_in(const cfi_tables_t *tables, uintptr_t pc, cfi_row_t *row)
{
    uintptr_t at = find_fde(tables, pc);
    frame_entry_t cie = {.encoding = 0}, fde = {.encoding = 0};
    if (!at || !parse_fde(tables, at, pc, &cie, &fde))
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

/* --- expressions --- */

enum {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST8S = 0x0f,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_AND = 0x1a,
    OP_MINUS = 0x1c,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_GE = 0x2a,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG16 = 0x80,
};

enum { STACK = 8 };

typedef struct evaluation {
    const cfi_bounds_t *bounds;
    const cfi_frame_t *frame;
    uintptr_t stack[STACK];
    uint32_t depth;
} evaluation_t;

static bool load_word(const cfi_bounds_t *bounds, uintptr_t address, uintptr_t *value)
{
    if (address < bounds->low || address > bounds->high - sizeof *value || address % sizeof *value)
        return false;
    memcpy(value, (const void *)address, sizeof *value);
    return true;
}

static bool push(evaluation_t *to, uintptr_t value)
{
    if (to->depth == STACK)
        return false;
    to->stack[to->depth++] = value;
    return true;
}

static bool push_constant(evaluation_t *to, reader_t *in, uint8_t operation)
{
    size_t size = (size_t)1 << (operation - OP_CONST1U) / 2;
    uint64_t value = read_fixed(in, size);
    if ((operation - OP_CONST1U) & 1 && size < 8 && value >> (8 * size - 1))
        value |= ~(uint64_t)0 << 8 * size;
    return push(to, value);
}

static bool combine(evaluation_t *on, uint8_t operation)
{
    if (on->depth < 2)
        return false;
    uintptr_t b = on->stack[--on->depth], *a = &on->stack[on->depth - 1];
    switch (operation) {
    case OP_AND:
        *a &= b;
        return true;
    case OP_MINUS:
        *a -= b;
        return true;
    case OP_PLUS:
        *a += b;
        return true;
    case OP_SHL:
        *a = b < 64 ? *a << b : 0;
        return true;
    case OP_GE:
        *a = (intptr_t)*a >= (intptr_t)b;
        return true;
    default:
        return false;
    }
}

static bool operate(evaluation_t *on, reader_t *in)
{
    uint8_t operation = read_u8(in);
    if (operation >= OP_LIT0 && operation <= OP_LIT31)
        return push(on, (uintptr_t)(operation - OP_LIT0));
    if (operation >= OP_BREG0 && operation <= OP_BREG16) {
        uint32_t reg = (uint32_t)(operation - OP_BREG0);
        int64_t offset = read_sleb(in);
        return on->frame->known >> reg & 1 && push(on, on->frame->reg[reg] + (uintptr_t)offset);
    }
    if (operation >= OP_CONST1U && operation <= OP_CONST8S)
        return push_constant(on, in, operation);
    if (operation == OP_CONSTU)
        return push(on, read_uleb(in));
    if (operation == OP_CONSTS)
        return push(on, (uintptr_t)read_sleb(in));
    if (operation == OP_PLUS_UCONST && on->depth > 0) {
        on->stack[on->depth - 1] += read_uleb(in);
        return true;
    }
    if (operation == OP_DEREF && on->depth > 0)
        return load_word(on->bounds, on->stack[on->depth - 1], &on->stack[on->depth - 1]);
    return combine(on, operation);
}

static bool evaluate(const cfi_row_t *row, uint32_t expression, const cfi_bounds_t *bounds,
                     const cfi_frame_t *frame, const uintptr_t *first, uintptr_t *value)
{
    reader_t in = {row->expressions, row->end};
    skip(&in, expression);
    uint64_t length = read_uleb(&in);
    if (length < (uint64_t)(in.end - in.at))
        in.end = in.at + length;
    evaluation_t on = {.bounds = bounds, .frame = frame};
    if (first && !push(&on, *first))
        return false;
    while (in.at < in.end)
        if (!operate(&on, &in))
            return false;
    if (on.depth == 0)
        return false;
    *value = on.stack[on.depth - 1];
    return true;
}

/* --- a step --- */

static bool find_cfa(const cfi_row_t *row, const cfi_bounds_t *bounds, const cfi_frame_t *frame,
                     uintptr_t *cfa)
{
    if (row->cfa.how == CFI_IS_EXPRESSION)
        return evaluate(row, row->cfa.expression, bounds, frame, NULL, cfa);
    if (row->cfa.how != CFI_IN_REGISTER || row->cfa.reg >= CFI_REGISTERS ||
        !(frame->known >> row->cfa.reg & 1))
        return false;
    *cfa = frame->reg[row->cfa.reg] + (uintptr_t)(intptr_t)row->cfa_offset;
    return true;
}

/* False: the caller's value cannot be known. */
static bool find_register(const cfi_row_t *row, uint32_t reg, uintptr_t cfa, const cfi_bounds_t *bounds,
                          const cfi_frame_t *frame, uintptr_t *value)
{
    const cfi_rule_t *rule = &row->rules[reg];
    switch ((enum cfi_how)rule->how) {
    case CFI_SAME:
        *value = frame->reg[reg];
        return frame->known >> reg & 1;
    case CFI_AT_OFFSET:
        return load_word(bounds, cfa + (uintptr_t)(intptr_t)rule->offset, value);
    case CFI_IS_OFFSET:
        *value = cfa + (uintptr_t)(intptr_t)rule->offset;
        return true;
    case CFI_IN_REGISTER:
        *value = rule->reg < CFI_REGISTERS ? frame->reg[rule->reg] : 0;
        return rule->reg < CFI_REGISTERS && frame->known >> rule->reg & 1;
    case CFI_AT_EXPRESSION:
        return evaluate(row, rule->expression, bounds, frame, &cfa, value) &&
               load_word(bounds, *value, value);
    case CFI_IS_EXPRESSION:
        return evaluate(row, rule->expression, bounds, frame, &cfa, value);
    case CFI_UNDEFINED:
        return false;
    }
    return false;
}

bool cfi_step(const cfi_row_t *row, const cfi_bounds_t *bounds, cfi_frame_t *frame)
{
    uintptr_t cfa;
    cfi_frame_t caller = {.known = 0};
    if (!find_cfa(row, bounds, frame, &cfa))
        return false;
    for (uint32_t reg = 0; reg < CFI_REGISTERS; reg++)
        if (find_register(row, reg, cfa, bounds, frame, &caller.reg[reg]))
            caller.known |= 1u << reg;
    if (row->rules[CFI_RETURN].how == CFI_SAME || !(caller.known >> CFI_RETURN & 1))
        return false;
    *frame = caller;
    return true;
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

bool cfi_step(const cfi_row_t *row, const cfi_bounds_t *bounds, cfi_frame_t *frame)
{
    (void)row, (void)bounds, (void)frame;
    return false;
}

#endif
