/* code: what the code of a function says about the order of its calls, by the control-flow graph of its
 * instructions.
 *
 * It serves proofs, so it assumes too many paths rather than too few. A jump whose target is not in the
 * instruction (a table of `switch`) may lead to any instruction of the function; a function that calls setjmp
 * may do everything again.
 */
#ifndef WEIR_TOOLS_ADVISE_CODE_H
#define WEIR_TOOLS_ADVISE_CODE_H

#include "tools/weir/advise/code_read.h"

/* Addresses are of the process, of any byte of an instruction. */

/* May the instruction be executed again before the function returns? */
bool code_repeats(const code_function_t *function, uint64_t address);
/* Has `first` been executed whenever `second` is? */
bool code_precedes(const code_function_t *function, uint64_t first, uint64_t second);
/* Has it been executed whenever the function returns? */
bool code_is_always_reached(const code_function_t *function, uint64_t address);
/* Has the instruction been executed whenever the function ends in a tail call? */
bool code_precedes_tail(const code_function_t *function, uint64_t address);
/* Is the instruction a call of that function, and of no other? */
bool code_calls(const code_function_t *function, uint64_t address, const code_function_t *called);
/* Once `first` was executed, is `second` always executed before the function returns? If `second` is in a
 * loop, a conditional jump of the loop will do. */
bool code_leads_to(const code_function_t *function, uint64_t first, uint64_t second);

#endif
