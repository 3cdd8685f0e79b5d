/* rules: the lists of rules in WEIR_KEEP and WEIR_NOSCAN, which choose blocks of malloc by size or by the
 * library that asks for them.
 *
 *     RULE,RULE...      RULE: SIZE | SIZE-SIZE | SIZE- | NAME
 *
 * A size is bytes, or KiB, MiB, GiB; a range includes both ends. A name is the beginning of the file name of
 * a library, or of the program.
 */
#ifndef WEIR_BASE_RULES_H
#define WEIR_BASE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rule {
    uint64_t low, high; /* bytes */
    const char *name;   /* not terminated; NULL: the rule is about sizes */
    size_t length;
} rule_t;

/* As rule_next below, for WEIR_BUDGET: NAME:SIZE,NAME:SIZE... `low` and `high` are the size. */
const char *rule_next_budget(const char *budgets, rule_t *rule);

/* Parse the first rule of the string. Returns the rest of the string; NULL: it does not begin with a rule. */
const char *rule_next(const char *rules, rule_t *rule);

/* Is there a rule for the size; for a file of that name; for any name at all? `rules`: a string that parses
 * without an error, or NULL. */
bool rules_have_size(const char *rules, uint64_t size);
bool rules_have_name(const char *rules, const char *name);
bool rules_have_names(const char *rules);

#endif
