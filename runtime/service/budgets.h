/* budgets: WEIR_BUDGET bounds what libraries may hold, in a program that knows nothing of accounts.
 *
 * A block is charged to a library if a function of the library is among the calls that lead to malloc. If
 * functions of several libraries with a budget are, the innermost call counts. So what the C library
 * allocates for a library is charged to that library.
 */
#ifndef WEIR_SERVICE_BUDGETS_H
#define WEIR_SERVICE_BUDGETS_H

/* If the option is set: make the accounts, and find the caller of every allocation from now on. Called by the
 * first thread. */
void budgets_prepare(void);

#endif
