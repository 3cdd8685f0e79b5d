/* instruction: how long an instruction of x86-64 is, and where it may go on. Lengths by the opcode maps of
 * Intel's Software Developer's Manual, volume 2, appendix A; what is not in them is refused. */
#ifndef WEIR_TOOLS_ADVISE_INSTRUCTION_H
#define WEIR_TOOLS_ADVISE_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum instruction_kind {
    INSTRUCTION_PLAIN,       /* the next instruction follows */
    INSTRUCTION_PADDING,     /* likewise, and does nothing */
    INSTRUCTION_CALL,        /* likewise; target: 0 if it is not in the instruction */
    INSTRUCTION_JUMP,        /* to the target only */
    INSTRUCTION_CONDITIONAL, /* to the target, or to the next instruction */
    INSTRUCTION_INDIRECT,    /* a jump to what a register or memory says */
    INSTRUCTION_RETURN,
    INSTRUCTION_STOP /* never goes on */
};

typedef struct instruction {
    uint32_t length; /* bytes */
    enum instruction_kind kind;
    uint64_t target; /* address */
    uint64_t slot;   /* of a call or jump by a word that lies at a fixed address: that address; else 0 */
} instruction_t;

/* Decode the instruction at `address` from its bytes, of which `room` are there. False: it is not known, or
 * is cut. */
bool instruction_read(const uint8_t *bytes, size_t room, uint64_t address, instruction_t *instruction);

#endif
