/* rules: see rules.h. */
#include "runtime/base/rules.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_of_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '+' || c == '-';
}

/* Parse a size. Returns what follows it; NULL: there is none. */
static const char *cut_size(const char *text, uint64_t *size)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    if (!is_digit(*text))
        return NULL;
    for (*size = 0; is_digit(*text); text++)
        if (__builtin_mul_overflow(*size, 10, size) ||
            __builtin_add_overflow(*size, (uint64_t)(*text - '0'), size))
            return NULL;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
            return __builtin_mul_overflow(*size, (uint64_t)1 << units[i].shift, size)
                       ? NULL
                       : text + strlen(units[i].name);
    return text;
}

static const char *cut_sizes(const char *text, rule_t *rule)
{
    text = cut_size(text, &rule->low);
    rule->high = rule->low;
    if (!text || *text != '-')
        return text;
    if (is_digit(*++text))
        text = cut_size(text, &rule->high);
    else
        rule->high = UINT64_MAX;
    return text && rule->low <= rule->high ? text : NULL;
}

const char *rule_next(const char *rules, rule_t *rule)
{
    const char *end = rules;
    *rule = (rule_t){.name = NULL};
    if (is_digit(*rules)) {
        end = cut_sizes(rules, rule);
    } else if (is_letter(*rules)) {
        while (is_of_name(*end))
            end++;
        rule->name = rules;
        rule->length = (size_t)(end - rules);
    }
    if (!end || end == rules || (*end && *end != ','))
        return NULL;
    return *end ? end + 1 : end;
}

const char *rule_next_budget(const char *budgets, rule_t *rule)
{
    const char *end = budgets;
    *rule = (rule_t){.name = budgets};
    if (!is_letter(*budgets))
        return NULL;
    while (is_of_name(*end))
        end++;
    rule->length = (size_t)(end - budgets);
    end = *end == ':' ? cut_size(end + 1, &rule->low) : NULL;
    rule->high = rule->low;
    if (!end || (*end && *end != ',') || rule->low > INT64_MAX)
        return NULL;
    return *end ? end + 1 : end;
}

bool rules_have_size(const char *rules, uint64_t size)
{
    rule_t rule;
    while (rules && *rules) {
        rules = rule_next(rules, &rule);
        if (!rule.name && rule.low <= size && size <= rule.high)
            return true;
    }
    return false;
}

bool rules_have_name(const char *rules, const char *name)
{
    rule_t rule;
    while (rules && *rules) {
        rules = rule_next(rules, &rule);
        if (rule.name && strncmp(rule.name, name, rule.length) == 0)
            return true;
    }
    return false;
}

bool rules_have_names(const char *rules)
{
    rule_t rule = {.name = NULL};
    while (rules && *rules && !rule.name)
        rules = rule_next(rules, &rule);
    return rule.name != NULL;
}
