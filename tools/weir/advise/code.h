/* code: what the code of a function says about the order of its calls: a graph of its instructions, by
 * their jumps.
 *
 * It serves proofs, so it errs to one side: where a jump's target is not in the instruction (a table of
 * `switch`), all may follow; a function that calls setjmp may do all again.
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
/* Has the instruction been executed whenever the function ends by a jump to another one, a call in the
 * place of a return? */
bool code_precedes_tail(const code_function_t *function, uint64_t address);
/* Is the instruction a call of that function, and of no other? */
bool code_calls(const code_function_t *function, uint64_t address, const code_function_t *called);
/* Once `first` was executed, does the function not return before `second` or, if that is in a loop,
 * something of the loop is? */
bool code_leads_to(const code_function_t *function, uint64_t first, uint64_t second);

#endif
