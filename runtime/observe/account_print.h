/* account_print: prints the budgets (weir/account.h), as a part of the account of memory. */
#ifndef WEIR_OBSERVE_ACCOUNT_PRINT_H
#define WEIR_OBSERVE_ACCOUNT_PRINT_H

#include "runtime/base/text.h"

/* Add a line for each budget. When the text is full it is written to the file. */
void account_print_lines(text_t *text, int fd);
/* The elements of a JSON array. */
void account_print_json(text_t *text, int fd);

#endif
