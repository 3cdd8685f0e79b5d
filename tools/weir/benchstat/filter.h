/* filter: which measurements count: the expressions of -filter.
 *
 *     expr  = and {"OR" and}          and   = match {"AND"? match}
 *     match = "(" expr ")" | "-" match | "*" | key ":" value | key ":" "(" value {"OR" value} ")"
 *     value = word | "/" regexp "/"
 *
 * A term of the key .unit is about a single measurement, all others about all of a line. Regular expressions
 * are POSIX extended ones, with (?:...), (?i) at the start, \d, \s, \w and \b as in Go.
 */
#ifndef WEIR_TOOLS_BENCHSTAT_FILTER_H
#define WEIR_TOOLS_BENCHSTAT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/weir/benchstat/record.h"

struct filter;

/* NULL: *error says what is wrong, at the `*at`th character. */
struct filter *filter_parse(const char *text, const char **error, size_t *at);
/* NULL matches all. */
bool filter_matches(const struct filter *filter, const struct record *record, size_t measure);

#endif
