/* cfi: damaged call frame information: the header, the table and the entries are the input, and so are the
 * stack and the addresses that are looked for. Nothing outside of them is read.
 */
#include "runtime/unwind/cfi.h"

#include "tests/fuzz/fuzz.h"

enum { STACK_WORDS = 32, STEPS = 4 };

static void fill(uintptr_t *stack, cfi_frame_t *frame, input_t *input)
{
    for (size_t i = 0; i < STACK_WORDS; i++)
        stack[i] = (uintptr_t)&stack[input_below(input, STACK_WORDS)];
    for (uint32_t reg = 0; reg < CFI_REGISTERS; reg++)
        frame->reg[reg] = stack[reg];
    frame->known = (1u << CFI_REGISTERS) - 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uintptr_t *stack = malloc(STACK_WORDS * sizeof *stack);
    cfi_frame_t frame;
    input_t input = {data, data + size};
    uint32_t places[STEPS];
    for (size_t i = 0; i < STEPS; i++)
        places[i] = input_below(&input, 65536);
    fill(stack, &frame, &input);
    cfi_bounds_t bounds = {(uintptr_t)stack, (uintptr_t)(stack + STACK_WORDS)};
    uint8_t *bytes = input_rest(&input, &size);
    cfi_tables_t tables = {bytes, bytes, bytes + size};
    for (size_t i = 0; i < STEPS; i++) {
        cfi_row_t row;
        if (cfi_find_in(&tables, (uintptr_t)bytes + places[i], &row))
            cfi_step(&row, &bounds, &frame);
    }
    free(bytes);
    free(stack);
    return 0;
}
