/* expression: splits an expression into tokens. Nothing is freed: the command ends. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "tools/weir/benchstat/expression.h"
#include "tools/weir/benchstat/memory.h"

void expression_fail(struct expression *expression, const char *what)
{
    if (expression->error == NULL) {
        expression->error = what;
        expression->error_at = expression->token.at;
    }
    expression->rest += strlen(expression->rest);
    expression->token = (struct token){.kind = TOKEN_END, .at = expression->rest};
}

/* The value of `digits` hexadecimal or octal digits; false: they are not. */
static bool read_digits(const char **from, int digits, int base, uint32_t *value)
{
    for (*value = 0; digits > 0; digits--, (*from)++) {
        int digit = isdigit((unsigned char)**from) ? **from - '0'
                    : isxdigit((unsigned char)**from) && base == 16
                        ? tolower((unsigned char)**from) - 'a' + 10
                        : base;
        if (digit >= base)
            return false;
        *value = *value * (uint32_t)base + (uint32_t)digit;
    }
    return true;
}

static char *add_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *to++ = (char)((0xf00 >> more & 0xff) | code >> 6 * more);
    while (more-- > 0)
        *to++ = (char)(0x80 | (code >> 6 * more & 0x3f));
    return to;
}

/* Of a Go string; *from is behind the backslash. NULL: there is no such escape. */
static char *read_escape(const char **from, char *to)
{
    static const char plain[] = "abfnrtv\\\"", meaning[] = "\a\b\f\n\r\t\v\\\"";
    const char *place = **from != '\0' ? strchr(plain, **from) : NULL;
    if (place != NULL) {
        (*from)++;
        *to++ = meaning[place - plain];
        return to;
    }
    char kind = **from;
    uint32_t code;
    int digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 3;
    *from += digits != 3;
    if (!read_digits(from, digits, digits == 3 ? 8 : 16, &code) || code > (digits <= 3 ? 0xff : 0x10ffff))
        return NULL;
    if (digits <= 3) {
        *to++ = (char)code;
        return to;
    }
    return add_utf8(to, code);
}

static void read_quoted(struct expression *expression)
{
    const char *from = expression->rest + 1;
    char *text = memory_new(strlen(from) + 1, 1), *to = text;
    while (*from != '"' && *from != '\0') {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        from++;
        if ((to = read_escape(&from, to)) == NULL) {
            expression_fail(expression, "bad escape sequence");
            return;
        }
    }
    if (*from == '\0') {
        expression_fail(expression, "missing end quote");
        return;
    }
    expression->token.kind = TOKEN_WORD;
    expression->token.text = text;
    expression->rest = from + 1;
}

static bool ends_word(char c)
{
    return c == '\0' || strchr("():@,", c) != NULL || isspace((unsigned char)c);
}

static void read_word(struct expression *expression)
{
    const char *from = expression->rest, *end = from;
    while (!ends_word(*end))
        end++;
    size_t length = (size_t)(end - from);
    expression->rest = end;
    if (length == 3 && strncmp(from, "AND", 3) == 0)
        expression->token.kind = TOKEN_AND;
    else if (length == 2 && strncmp(from, "OR", 2) == 0)
        expression->token.kind = TOKEN_OR;
    else
        expression->token = (struct token){TOKEN_WORD, 0, memory_text(from, length), from};
}

/* The '/' that ends it is not within brackets or parentheses. */
static void read_regexp(struct expression *expression)
{
    const char *from = expression->rest + 1, *end = from;
    int brackets = 0, parentheses = 0;
    for (; *end != '\0' && (*end != '/' || brackets > 0 || parentheses > 0); end++) {
        if (*end == '\\' && end[1] != '\0')
            end++;
        else if (*end == '[')
            brackets++;
        else if (*end == ']' && brackets > 0)
            brackets--;
        else if (brackets == 0)
            parentheses += (*end == '(') - (*end == ')');
    }
    if (*end == '\0') {
        expression_fail(expression, "missing close \"/\"");
        return;
    }
    if (!ends_word(end[1]) && end[1] != '-' && end[1] != '*') {
        expression_fail(expression, "regexp must be followed by space or an operator");
        return;
    }
    expression->token.kind = TOKEN_REGEXP;
    expression->token.text = memory_text(from, (size_t)(end - from));
    expression->rest = end + 1;
}

void expression_next(struct expression *expression, bool value)
{
    while (isspace((unsigned char)*expression->rest))
        expression->rest++;
    char c = *expression->rest;
    expression->token = (struct token){.kind = TOKEN_END, .at = expression->rest};
    if (c == '\0')
        return;
    if (strchr("():@,-*", c) != NULL) {
        expression->token.kind = TOKEN_SIGN;
        expression->token.sign = c;
        expression->rest++;
    } else if (value && c == '/') {
        read_regexp(expression);
    } else if (c == '"') {
        read_quoted(expression);
    } else {
        read_word(expression);
    }
}

struct expression expression_of(const char *text)
{
    struct expression expression = {.text = text, .rest = text};
    expression_next(&expression, false);
    return expression;
}
