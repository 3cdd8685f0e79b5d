/* regexp_size: see regexp_size.h. Counts the copies of each atom, group by group. */
#include "tools/weir/benchstat/regexp_size.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/saturate.h"

/* glibc's time and memory grow with the square of the size where the copies may match nothing: 20,000 took a
 * second and 120 MiB. */
enum { SIZE_MOST = 2000, DEEPEST = 250 };

/* A group that is open, or the whole: what it has so far, and its last atom. */
typedef struct nested {
    uint64_t size, last;
} nested_t;

static void begin_atom(nested_t *group, uint64_t size)
{
    group->size = add(group->size, group->last);
    group->last = size;
}

/* Behind the "[": the end of the bracket expression. */
static const char *skip_brackets(const char *c)
{
    c += *c == '^';
    c += *c == ']';
    while (*c != '\0' && *c != ']') {
        const char *end = strncmp(c, "[:", 2) == 0 ? strstr(c, ":]") : NULL;
        c = end ? end + 2 : c + 1;
    }
    return *c == ']' ? c + 1 : c;
}

/* Behind the "{": the greater of the two numbers. */
static uint64_t count_of(const char *c)
{
    char *end;
    uint64_t least_count = strtoull(c, &end, 10), most_count = *end == ',' ? strtoull(end + 1, NULL, 10) : 0;
    return most(most(least_count, most_count), 1);
}

bool regexp_is_too_large(const char *text)
{
    nested_t open[DEEPEST] = {0};
    size_t depth = 0;
    for (const char *c = text; *c != '\0';) {
        char is = *c++;
        nested_t *group = &open[depth];
        if (is == '(' && ++depth == DEEPEST) {
            return true;
        } else if (is == '(') {
            open[depth] = (nested_t){0};
        } else if (is == ')' && depth > 0) {
            begin_atom(&open[--depth], add(group->size, group->last));
        } else if (is == '+') {
            group->last = multiply(most(group->last, 1), 2);
        } else if (is == '{') {
            const char *close = strchr(c, '}');
            group->last = multiply(most(group->last, 1), count_of(c));
            c = close ? close + 1 : c;
        } else if (is != '*' && is != '?') {
            begin_atom(group, 1);
            c = is == '[' ? skip_brackets(c) : is == '\\' && *c != '\0' ? c + 1 : c;
        }
        if (add(open[depth].size, open[depth].last) > SIZE_MOST)
            return true;
    }
    return false;
}
