/* stack: see stack.h. */
#include "runtime/os/stack.h"

#include "runtime/os/claim.h"
#include "runtime/os/os.h"

/* The frame pointer leads back to the thread's own stack, for debuggers as for the return. */
#ifdef __x86_64__
#define BODY                                                                                                 \
    "    pushq %rbp\n"                                                                                       \
    "    .cfi_def_cfa_offset 16\n"                                                                           \
    "    .cfi_offset %rbp, -16\n"                                                                            \
    "    movq %rsp, %rbp\n"                                                                                  \
    "    .cfi_def_cfa_register %rbp\n"                                                                       \
    "    movq %rdi, %rsp\n"                                                                                  \
    "    movq %rdx, %rdi\n"                                                                                  \
    "    callq *%rsi\n"                                                                                      \
    "    movq %rbp, %rsp\n"                                                                                  \
    "    popq %rbp\n"                                                                                        \
    "    .cfi_def_cfa %rsp, 8\n"                                                                             \
    "    retq\n"
#else
#define BODY                                                                                                 \
    "    hint #34\n" /* bti c */                                                                             \
    "    stp x29, x30, [sp, #-16]!\n"                                                                        \
    "    .cfi_def_cfa_offset 16\n"                                                                           \
    "    .cfi_offset x29, -16\n"                                                                             \
    "    .cfi_offset x30, -8\n"                                                                              \
    "    mov x29, sp\n"                                                                                      \
    "    .cfi_def_cfa_register x29\n"                                                                        \
    "    mov sp, x0\n"                                                                                       \
    "    mov x0, x2\n"                                                                                       \
    "    blr x1\n"                                                                                           \
    "    mov sp, x29\n"                                                                                      \
    "    ldp x29, x30, [sp], #16\n"                                                                          \
    "    .cfi_def_cfa sp, 0\n"                                                                               \
    "    ret\n"
#endif

__asm__(".pushsection .text\n"
        ".globl stack_call\n"
        ".hidden stack_call\n"
        ".type stack_call, STT_FUNC\n"
        "stack_call:\n"
        "    .cfi_startproc\n" BODY "    .cfi_endproc\n"
        ".size stack_call, . - stack_call\n"
        ".popsection\n");

/* The addresses are claimed once, so that a call after a failed one does not claim others. */
void *stack_make(void)
{
    static char *addresses;
    if (!addresses)
        addresses = claim(2 * STACK_BYTES, OS_PAGE);
    if (!addresses || !claim_map(addresses + STACK_BYTES, STACK_BYTES))
        return NULL;
    return addresses + 2 * STACK_BYTES;
}
