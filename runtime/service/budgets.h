/* budgets: WEIR_BUDGET: what libraries of a program that knows nothing of accounts may hold at most.
 *
 * A block is the library's if a call of the library is among those that lead to malloc; of several
 * libraries with a budget the innermost call counts. So what the C library allocates for a library is that
 * library's.
 */
#ifndef WEIR_SERVICE_BUDGETS_H
#define WEIR_SERVICE_BUDGETS_H

/* If the option is set: make the accounts, and have callers told apart from now on. By the first thread. */
void budgets_prepare(void);

#endif
