/* account_print: the budgets (weir/account.h) within the account that is printed. */
#ifndef WEIR_OBSERVE_ACCOUNT_PRINT_H
#define WEIR_OBSERVE_ACCOUNT_PRINT_H

#include "runtime/base/text.h"

/* A line for each. Text that becomes full is written to the file. */
void account_print_lines(text_t *text, int fd);
/* The elements of a JSON array. */
void account_print_json(text_t *text, int fd);

#endif
