/* interpreter: a language whose values the collector owns.
 *
 * An interpreter cannot know when a value is used for the last time. Here values come from
 * weir_gc_alloc_exact, and nobody frees them. The collector finds the values that are reachable from the C
 * stack and from static data by itself: the interpreter needs no registration, no handles and no barrier. The
 * language is a small Lisp: numbers, symbols, lists, `if`, `fn`, arithmetic.
 *
 *     cc interpreter.c $(pkg-config --cflags --libs weir) -o interpreter
 *
 * Prints:
 *     (fib 22) = 17711
 *     (sum 1000) = 500500
 *     the heap was collected on the way, and holds less than 8 MiB
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

typedef enum value_kind { NUMBER, SYMBOL, PAIR, FUNCTION } value_kind;

/* The empty list is NULL. */
typedef struct value {
    value_kind kind;
    union {
        long number;
        const char *symbol;
        struct { /* of PAIR: head and tail; of FUNCTION: parameters and body */
            struct value *first, *second;
        };
    };
} value;

static value *globals; /* a list of pairs (symbol . value): static data are roots */

static value *value_make(value_kind kind)
{
    value *made = weir_gc_alloc_exact(sizeof *made);
    if (!made)
        exit(1);
    made->kind = kind;
    return made;
}

static value *number_make(long number)
{
    value *made = value_make(NUMBER);
    made->number = number;
    return made;
}

static value *pair_make(value *first, value *second)
{
    value *made = value_make(PAIR);
    made->first = first;
    made->second = second;
    return made;
}

static value *read_value(const char **text);

static value *read_list(const char **text)
{
    while (isspace((unsigned char)**text))
        ++*text;
    if (**text == ')' || **text == '\0') {
        *text += **text == ')';
        return NULL;
    }
    value *first = read_value(text);
    return pair_make(first, read_list(text));
}

static value *read_value(const char **text)
{
    while (isspace((unsigned char)**text))
        ++*text;
    if (**text == '(') {
        ++*text;
        return read_list(text);
    }
    if (isdigit((unsigned char)**text))
        return number_make(strtol(*text, (char **)text, 10));
    size_t length = strcspn(*text, " ()\n");
    char *name = weir_gc_alloc_noscan(length + 1); /* text has no pointers */
    if (!name)
        exit(1);
    memcpy(name, *text, length);
    *text += length;
    value *made = value_make(SYMBOL);
    made->symbol = name;
    return made;
}

static value *lookup(const value *environment, const char *name)
{
    for (; environment; environment = environment->second)
        if (!strcmp(environment->first->first->symbol, name))
            return environment->first->second;
    fprintf(stderr, "unbound: %s\n", name);
    exit(1);
}

static value *evaluate(value *expression, value *environment);

static value *call(const value *function, value *arguments, value *environment)
{
    value *inner = globals;
    for (value *name = function->first; name; name = name->second, arguments = arguments->second)
        inner = pair_make(pair_make(name->first, evaluate(arguments->first, environment)), inner);
    return evaluate(function->second, inner);
}

static value *evaluate(value *expression, value *environment)
{
    if (!expression || expression->kind == NUMBER || expression->kind == FUNCTION)
        return expression;
    if (expression->kind == SYMBOL)
        return lookup(environment, expression->symbol);

    value *head = expression->first, *arguments = expression->second;
    const char *name = head->kind == SYMBOL ? head->symbol : "";
    if (!strcmp(name, "if")) {
        long condition = evaluate(arguments->first, environment)->number;
        value *branches = arguments->second;
        return evaluate(condition ? branches->first : branches->second->first, environment);
    }
    if (!strcmp(name, "fn")) {
        value *made = value_make(FUNCTION);
        made->first = arguments->first;
        made->second = arguments->second->first;
        return made;
    }
    if (strchr("+-<", *name) && *name) {
        long left = evaluate(arguments->first, environment)->number;
        long right = evaluate(arguments->second->first, environment)->number;
        return number_make(*name == '+' ? left + right : *name == '-' ? left - right : left < right);
    }
    return call(evaluate(head, environment), arguments, environment);
}

static void define(const char *name, const char *text)
{
    value *symbol = value_make(SYMBOL);
    symbol->symbol = name;
    globals = pair_make(pair_make(symbol, evaluate(read_value(&text), globals)), globals);
}

static void run(const char *text)
{
    const char *rest = text;
    printf("%s = %ld\n", text, evaluate(read_value(&rest), globals)->number);
}

int main(void)
{
    define("fib", "(fn (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))");
    define("sum", "(fn (n) (if (< n 1) 0 (+ n (sum (- n 1)))))");
    run("(fib 22)");
    run("(sum 1000)");

    weir_mem_stats stats;
    weir_read_mem_stats(&stats);
    if (stats.num_gc > 0 && stats.sys - stats.heap_released < 8 << 20)
        puts("the heap was collected on the way, and holds less than 8 MiB");
}
