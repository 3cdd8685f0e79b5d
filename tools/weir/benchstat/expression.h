/* expression: the words and signs that filters and projections are made of
 * (golang.org/x/perf/benchproc/syntax):
 *
 *     word = [^-*"():@,][^ ():@,]*  or a double-quoted Go string        AND and OR are signs
 */
#ifndef WEIR_TOOLS_BENCHSTAT_EXPRESSION_H
#define WEIR_TOOLS_BENCHSTAT_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_REGEXP,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_SIGN, /* one of ( ) : @ , - * */
};

struct token {
    enum token_kind kind;
    char sign;  /* 0 if it is none */
    char *text; /* of a word, without quotes and escapes; of a regexp. NULL of others */
    const char *at;
};

struct expression {
    const char *text;
    const char *rest;   /* behind `token` */
    struct token token; /* the one that is looked at */
    const char *error;  /* the first one; NULL: none */
    const char *error_at;
};

/* The expression, with its first token read. */
struct expression expression_of(const char *text);
/* Go on to the next token. `value`: a value is expected, so "/.../" is a regexp. */
void expression_next(struct expression *expression, bool value);
/* Something is wrong at the present token; then there are no more. */
void expression_fail(struct expression *expression, const char *what);

static inline bool expression_is_sign(const struct expression *expression, char sign)
{
    return expression->token.kind == TOKEN_SIGN && expression->token.sign == sign;
}

#endif
