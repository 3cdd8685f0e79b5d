/* projection: where a record goes: the expressions of -table, -row, -col and -ignore.
 *
 *     expr = part {","? part}        part = key | key "@" order | key "@" "(" word {word} ")"
 *
 * Each part is a field; .config is as many fields as there are keys in the files. The values that a record
 * has in all fields are its tuple. Values of a field are ordered as they first appear, or as asked: "alpha",
 * "num", or the words in their order, which also leaves out all records with another value. In .config they
 * are ordered as texts.
 *
 * The projections of one command exclude each other: a key that is named in one of them is left out of
 * .config and .fullname in all. What none of them has is the residue.
 */
#ifndef WEIR_TOOLS_BENCHSTAT_PROJECTION_H
#define WEIR_TOOLS_BENCHSTAT_PROJECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/weir/benchstat/record.h"

enum projection_order { ORDER_FIRST, ORDER_ALPHA, ORDER_NUM, ORDER_FIXED };

struct projection_field {
    char *key;
    enum projection_order order;
    struct texts ranks; /* ORDER_FIRST: values as they appeared; ORDER_FIXED: the words */
    struct texts subs;  /* .config: its keys */
    size_t *places;     /* .config: where each of these keys is in a tuple's values */
    size_t place;       /* any other key: where it is */
};

struct tuple {
    char **values; /* by place; what is beyond `count` is empty */
    size_t count;
};

struct projection {
    struct projection_field *fields;
    size_t field_count;
    size_t places;
    struct texts texts;   /* of tuples, their values joined */
    struct tuple *tuples; /* by the same index */
};

/* What the projections of a command have in common. */
struct exclusions {
    struct texts config, names;
    bool has_config, has_fullname;
};

/* False: *error says what is wrong, at the `*at`th character. */
bool projection_parse(struct projection *projection, struct exclusions *exclusions, const char *text,
                      const char **error, size_t *at);
/* After all others have been parsed. */
void projection_of_residue(struct projection *projection, const struct exclusions *exclusions);

/* Does the record have a listed value in each field of a fixed order? */
bool projection_admits(const struct projection *projection, const struct record *record);
/* The index of the record's tuple. */
size_t projection_of(struct projection *projection, const struct exclusions *exclusions,
                     const struct record *record);

/* The fields one by one, those of .config each by itself. False: there are no more. */
struct flat_field {
    const struct projection_field *field;
    size_t field_index, sub;
    const char *name;
    size_t place;
};
bool projection_next_field(const struct projection *projection, struct flat_field *flat);
const char *projection_value(const struct projection *projection, size_t tuple, size_t place);
/* All values that are not empty, with blanks between them. To be freed. */
char *projection_label(const struct projection *projection, size_t tuple);
/* The rank of each tuple in the order of all. To be freed. */
size_t *projection_ranks(const struct projection *projection);

#endif
