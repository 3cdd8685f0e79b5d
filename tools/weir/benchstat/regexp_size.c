/* regexp_size: see regexp_size.h. Counts the copies of each atom, and notes what may be empty. */
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
    bool last_is_filled;   /* the last atom matches one character at least */
    bool branch_is_filled; /* so does an atom before it in its branch */
    bool has_empty_branch; /* a branch before this one may match nothing */
} nested_t;

static void begin_atom(nested_t *group, uint64_t size, bool is_filled)
{
    group->size = add(group->size, group->last);
    group->last = size;
    group->branch_is_filled |= group->last_is_filled;
    group->last_is_filled = is_filled;
}

static bool is_filled(const nested_t *group)
{
    return (group->branch_is_filled || group->last_is_filled) && !group->has_empty_branch;
}

static void begin_branch(nested_t *group)
{
    group->has_empty_branch = !is_filled(group);
    begin_atom(group, 1, false);
    group->branch_is_filled = false;
}

/* Anchors match nothing, and neither may back-references. */
static bool escape_is_filled(char escaped)
{
    return escaped != '\0' && !strchr("bB<>`'123456789", escaped);
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

/* The counts behind the "{". */
static void read_counts(const char *c, uint64_t *least_count, uint64_t *most_count)
{
    char *end;
    *least_count = strtoull(c, &end, 10);
    *most_count = most(most(*least_count, *end == ',' ? strtoull(end + 1, NULL, 10) : 0), 1);
}

/* The last atom is repeated. False: it may match nothing, and the repetition is not "?". */
static bool repeat(nested_t *group, char is, const char *c)
{
    bool may_repeat = is == '?' || group->last_is_filled;
    uint64_t least_count = is == '+', most_count = is == '+' ? 2 : 1;
    if (is == '{')
        read_counts(c, &least_count, &most_count);
    group->last = multiply(most(group->last, 1), most_count);
    group->last_is_filled &= least_count > 0;
    return may_repeat;
}

bool regexp_is_too_costly(const char *text)
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
            begin_atom(&open[--depth], add(group->size, group->last), is_filled(group));
        } else if (is == '|') {
            begin_branch(group);
        } else if (strchr("+*?{", is)) {
            const char *close = is == '{' ? strchr(c, '}') : NULL;
            if (!repeat(group, is, c))
                return true;
            c = close ? close + 1 : c;
        } else {
            begin_atom(group, 1, is == '\\' ? escape_is_filled(*c) : is != '^' && is != '$');
            c = is == '[' ? skip_brackets(c) : is == '\\' && *c != '\0' ? c + 1 : c;
        }
        if (add(open[depth].size, open[depth].last) > SIZE_MOST)
            return true;
    }
    return false;
}
