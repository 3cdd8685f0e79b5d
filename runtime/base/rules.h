/* rules: which blocks of malloc are meant, by size or by the library that asks for them: WEIR_KEEP and
 * WEIR_NOSCAN.
 *
 *     RULE,RULE...      RULE: SIZE | SIZE-SIZE | SIZE- | NAME
 *
 * A size is bytes, or KiB, MiB, GiB; both ends are meant too. A name is how a library's file name begins, or
 * the program's.
 */
#ifndef WEIR_BASE_RULES_H
#define WEIR_BASE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rule {
    uint64_t low, high; /* bytes */
    const char *name;   /* NULL: it is about sizes. Not terminated */
    size_t length;
} rule_t;

/* The same for WEIR_BUDGET: NAME:SIZE,NAME:SIZE... The size is both ends of the rule. */
const char *rule_next_budget(const char *budgets, rule_t *rule);

/* The first rule of those in the string, and the rest of it; NULL: that is no rule. */
const char *rule_next(const char *rules, rule_t *rule);

/* Is there a rule for the size; for a file of that name; for any name at all? Of rules that are right, or
 * NULL. */
bool rules_have_size(const char *rules, uint64_t size);
bool rules_have_name(const char *rules, const char *name);
bool rules_have_names(const char *rules);

#endif
