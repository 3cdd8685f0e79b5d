/* filter: a tree, made by recursive descent. */
#include <regex.h>
#include <string.h>

#include "tools/weir/benchstat/expression.h"
#include "tools/weir/benchstat/filter.h"
#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/regexp_size.h"

enum filter_kind { FILTER_AND, FILTER_OR, FILTER_NOT, FILTER_WORD, FILTER_REGEXP };

struct filter {
    enum filter_kind kind;
    struct filter *first; /* of AND, OR and NOT: the first of its parts */
    struct filter *next;  /* the next part of the same filter */
    const char *key, *word;
    regex_t regexp;
};

static struct filter *node(enum filter_kind kind, struct filter *first)
{
    struct filter *filter = memory_new(1, sizeof *filter);
    filter->kind = kind;
    filter->first = first;
    return filter;
}

/* --- parsing --- */

static struct filter *parse_or(struct expression *expression);

/* POSIX knows no escapes in brackets, and outside not all of Go's. Any other character after a "\" stands
 * for itself. */
static char *translated_escape(char *to, char escape, bool in_brackets)
{
    static const struct {
        char escape;
        const char *inside;
    } classes[] = {{'d', "0-9"}, {'s', "[:space:]"}, {'w', "_[:alnum:]"}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (escape == classes[i].escape && in_brackets)
            return stpcpy(to, classes[i].inside);
        else if (escape == classes[i].escape)
            return stpcpy(stpcpy(stpcpy(to, "["), classes[i].inside), "]");
    *to++ = in_brackets ? '[' : '\\';
    if (in_brackets)
        *to++ = '.';
    *to++ = escape;
    return in_brackets ? stpcpy(to, ".]") : to;
}

/* How many characters are taken as they are: one, the beginning of brackets with a "]" that stands for
 * itself, or a class in brackets. */
static size_t plain_length(const char *from, bool *in_brackets)
{
    if (*in_brackets) {
        const char *end = strncmp(from, "[:", 2) == 0 ? strstr(from, ":]") : NULL;
        *in_brackets = *from != ']';
        return end ? (size_t)(end + 2 - from) : 1;
    }
    if (*from != '[')
        return 1;
    *in_brackets = true;
    size_t length = 1 + (from[1] == '^');
    return length + (from[length] == ']');
}

/* Rewrites the syntax of Go's that POSIX lacks. */
static char *translated(const char *regexp)
{
    enum { LONGEST = 12 /* of what stands for an escape, "[_[:alnum:]]" */ };
    char *text = memory_new(LONGEST * strlen(regexp) + 1, 1), *to = text;
    bool in_brackets = false;
    for (const char *from = regexp; *from != '\0';) {
        if (*from == '\\' && from[1] != '\0') {
            to = translated_escape(to, from[1], in_brackets);
            from += 2;
        } else if (!in_brackets && strncmp(from, "(?:", 3) == 0) {
            to = stpcpy(to, "(");
            from += 3;
        } else {
            size_t count = plain_length(from, &in_brackets);
            to = mempcpy(to, from, count);
            from += count;
        }
    }
    return text;
}

static void compile(struct expression *expression, struct filter *filter)
{
    const char *text = expression->token.text;
    bool any_case = strncmp(text, "(?i)", 4) == 0;
    char *posix = translated(text + (any_case ? 4 : 0));
    filter->kind = FILTER_REGEXP;
    if (regexp_is_too_costly(posix))
        expression_fail(expression, "too large a regular expression, or it repeats what may match nothing");
    else if (regcomp(&filter->regexp, posix, REG_EXTENDED | REG_NOSUB | (any_case ? REG_ICASE : 0)) != 0)
        expression_fail(expression, "not a regular expression");
    free(posix);
}

/* The present token is the value. */
static struct filter *parse_value(struct expression *expression, const char *key, const char *otherwise)
{
    struct filter *filter = node(FILTER_WORD, NULL);
    filter->key = key;
    filter->word = expression->token.text;
    if (expression->token.kind == TOKEN_REGEXP)
        compile(expression, filter);
    else if (expression->token.kind != TOKEN_WORD)
        expression_fail(expression, otherwise);
    return filter;
}

/* Behind the "(". */
static struct filter *parse_values(struct expression *expression, const char *key)
{
    struct filter *any = node(FILTER_OR, NULL), **last = &any->first;
    for (;;) {
        *last = parse_value(expression, key, "expected value");
        last = &(*last)->next;
        expression_next(expression, true);
        if (expression_is_sign(expression, ')')) {
            expression_next(expression, false);
            return any;
        }
        if (expression->token.kind != TOKEN_OR) {
            expression_fail(expression, "value list must be separated by OR");
            return any;
        }
        expression_next(expression, true);
    }
}

static struct filter *parse_term(struct expression *expression)
{
    const char *key = expression->token.text;
    if (strcmp(key, ".config") == 0) {
        expression_fail(expression, ".config is only allowed in projections");
        return NULL;
    }
    expression_next(expression, false);
    if (!expression_is_sign(expression, ':')) {
        expression_fail(expression, "expected key:value");
        return NULL;
    }
    expression_next(expression, true);
    if (expression_is_sign(expression, '(')) {
        expression_next(expression, true);
        return parse_values(expression, key);
    }
    struct filter *filter = parse_value(expression, key, "expected key:value");
    expression_next(expression, false);
    return filter;
}

static struct filter *parse_match(struct expression *expression)
{
    if (expression->token.kind == TOKEN_WORD)
        return parse_term(expression);
    char sign = expression->token.sign;
    if (sign == '\0' || strchr("(-*", sign) == NULL) {
        expression_fail(expression, "expected key:value or subexpression");
        return NULL;
    }
    expression_next(expression, false);
    if (sign == '-')
        return node(FILTER_NOT, parse_match(expression));
    if (sign == '*')
        return node(FILTER_AND, NULL);
    struct filter *inner = parse_or(expression);
    if (expression_is_sign(expression, ')'))
        expression_next(expression, false);
    else
        expression_fail(expression, "missing \")\"");
    return inner;
}

static bool begins_match(const struct expression *expression)
{
    return expression->token.kind == TOKEN_WORD || expression_is_sign(expression, '(') ||
           expression_is_sign(expression, '-') || expression_is_sign(expression, '*');
}

static struct filter *parse_and(struct expression *expression)
{
    struct filter *all = node(FILTER_AND, parse_match(expression)), *last = all->first;
    while (expression->error == NULL) {
        while (expression->token.kind == TOKEN_AND)
            expression_next(expression, false);
        if (!begins_match(expression))
            break;
        last = last->next = parse_match(expression);
    }
    return all;
}

static struct filter *parse_or(struct expression *expression)
{
    struct filter *any = node(FILTER_OR, parse_and(expression)), *last = any->first;
    while (expression->token.kind == TOKEN_OR && expression->error == NULL) {
        expression_next(expression, false);
        last = last->next = parse_and(expression);
    }
    return any;
}

struct filter *filter_parse(const char *text, const char **error, size_t *at)
{
    struct expression expression = expression_of(text);
    struct filter *filter = parse_or(&expression);
    if (expression.token.kind != TOKEN_END)
        expression_fail(&expression, "unexpected");
    if (expression.error == NULL)
        return filter;
    *error = expression.error;
    *at = (size_t)(expression.error_at - text);
    return NULL;
}

/* --- matching --- */

static bool value_matches(const struct filter *filter, const char *value)
{
    return filter->kind == FILTER_WORD ? strcmp(filter->word, value) == 0
                                       : regexec(&filter->regexp, value, 0, NULL, 0) == 0;
}

static bool term_matches(const struct filter *filter, const struct record *record, size_t measure)
{
    if (strcmp(filter->key, ".unit") == 0)
        return value_matches(filter, record->measures[measure].unit) ||
               value_matches(filter, record->measures[measure].written);
    char *value = record_value(record, filter->key);
    bool matches = value_matches(filter, value);
    free(value);
    return matches;
}

bool filter_matches(const struct filter *filter, const struct record *record, size_t measure)
{
    if (filter == NULL)
        return true;
    if (filter->kind == FILTER_WORD || filter->kind == FILTER_REGEXP)
        return term_matches(filter, record, measure);
    if (filter->kind == FILTER_NOT)
        return !filter_matches(filter->first, record, measure);
    bool wanted = filter->kind == FILTER_OR;
    for (const struct filter *part = filter->first; part != NULL; part = part->next)
        if (filter_matches(part, record, measure) == wanted)
            return wanted;
    return !wanted;
}
