/* account_print: prints the budgets (weir/account.h), as a part of the account of memory. */
#ifndef WEIR_OBSERVE_ACCOUNT_PRINT_H
#define WEIR_OBSERVE_ACCOUNT_PRINT_H

#include "runtime/base/text.h"

/* Add a line for each budget. The text is flushed to `fd` whenever it has no room for one more. */
void account_print_lines(text_t *text, int fd);
/* The same as the elements of a JSON array. */
void account_print_json(text_t *text, int fd);

#endif
