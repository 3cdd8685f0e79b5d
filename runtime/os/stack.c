/* stack: see stack.h. */
#include "runtime/os/stack.h"

#include "runtime/os/claim.h"
#include "runtime/os/os.h"

/* The frame pointer leads back to the thread's own stack, for debuggers as for the return. */
__asm__(".pushsection .text\n"
        ".globl stack_call\n"
        ".hidden stack_call\n"
        ".type stack_call, @function\n"
        "stack_call:\n"
        "    .cfi_startproc\n"
        "    pushq %rbp\n"
        "    .cfi_def_cfa_offset 16\n"
        "    .cfi_offset %rbp, -16\n"
        "    movq %rsp, %rbp\n"
        "    .cfi_def_cfa_register %rbp\n"
        "    movq %rdi, %rsp\n"
        "    movq %rdx, %rdi\n"
        "    callq *%rsi\n"
        "    movq %rbp, %rsp\n"
        "    popq %rbp\n"
        "    .cfi_def_cfa %rsp, 8\n"
        "    retq\n"
        "    .cfi_endproc\n"
        ".size stack_call, . - stack_call\n"
        ".popsection\n");

/* Claimed once, mapped when there is memory. */
void *stack_make(void)
{
    static char *addresses;
    if (!addresses)
        addresses = claim(2 * STACK_BYTES, OS_PAGE);
    if (!addresses || !claim_map(addresses + STACK_BYTES, STACK_BYTES))
        return NULL;
    return addresses + 2 * STACK_BYTES;
}
