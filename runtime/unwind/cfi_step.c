/* cfi_step: from a frame to its caller's, by a row (cfi.h). Some rules are expressions: programs for a stack
 * machine (DWARF 5, 2.5); only the operations that compilers and the C library write are supported. */
#include <string.h>

#include "runtime/unwind/cfi.h"
#include "runtime/unwind/cfi_reader.h"

#ifdef __x86_64__

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

static bool push_constant(evaluation_t *to, cfi_reader_t *in, uint8_t operation)
{
    size_t size = (size_t)1 << (operation - OP_CONST1U) / 2;
    uint64_t value = cfi_read_fixed(in, size);
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

static bool operate(evaluation_t *on, cfi_reader_t *in)
{
    uint8_t operation = cfi_read_u8(in);
    if (operation >= OP_LIT0 && operation <= OP_LIT31)
        return push(on, (uintptr_t)(operation - OP_LIT0));
    if (operation >= OP_BREG0 && operation <= OP_BREG16) {
        uint32_t reg = (uint32_t)(operation - OP_BREG0);
        int64_t offset = cfi_read_sleb(in);
        return on->frame->known >> reg & 1 && push(on, on->frame->reg[reg] + (uintptr_t)offset);
    }
    if (operation >= OP_CONST1U && operation <= OP_CONST8S)
        return push_constant(on, in, operation);
    if (operation == OP_CONSTU)
        return push(on, cfi_read_uleb(in));
    if (operation == OP_CONSTS)
        return push(on, (uintptr_t)cfi_read_sleb(in));
    if (operation == OP_PLUS_UCONST && on->depth > 0) {
        on->stack[on->depth - 1] += cfi_read_uleb(in);
        return true;
    }
    if (operation == OP_DEREF && on->depth > 0)
        return load_word(on->bounds, on->stack[on->depth - 1], &on->stack[on->depth - 1]);
    return combine(on, operation);
}

static bool evaluate(const cfi_row_t *row, uint32_t expression, const cfi_bounds_t *bounds,
                     const cfi_frame_t *frame, const uintptr_t *first, uintptr_t *value)
{
    cfi_reader_t in = {row->expressions, row->end};
    cfi_skip(&in, expression);
    uint64_t length = cfi_read_uleb(&in);
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

#else /* another processor: nothing is described */

bool cfi_step(const cfi_row_t *row, const cfi_bounds_t *bounds, cfi_frame_t *frame)
{
    (void)row, (void)bounds, (void)frame;
    return false;
}

#endif
