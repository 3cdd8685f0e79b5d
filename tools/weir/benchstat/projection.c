/* projection: see projection.h. */
#include <math.h>
#include <string.h>

#include "tools/weir/benchstat/expression.h"
#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/projection.h"

/* --- parsing --- */

static void parse_words(struct expression *expression, struct projection_field *field)
{
    field->order = ORDER_FIXED;
    for (expression_next(expression, false); expression->token.kind == TOKEN_WORD;
         expression_next(expression, false))
        texts_add(&field->ranks, expression->token.text, strlen(expression->token.text));
    if (!expression_is_sign(expression, ')'))
        expression_fail(expression, "missing )");
    else if (field->ranks.count == 0)
        expression_fail(expression, "nothing to match");
    else if (strcmp(field->key, ".config") == 0)
        expression_fail(expression, "fixed order not allowed for .config");
}

/* Behind the "@". */
static void parse_order(struct expression *expression, struct projection_field *field)
{
    const char *name = expression->token.text;
    if (expression_is_sign(expression, '('))
        parse_words(expression, field);
    else if (expression->token.kind != TOKEN_WORD)
        expression_fail(expression, "expected named sort order or parenthesized list");
    else if (strcmp(name, "alpha") == 0)
        field->order = ORDER_ALPHA;
    else if (strcmp(name, "num") == 0)
        field->order = ORDER_NUM;
    else if (strcmp(name, "first") != 0)
        expression_fail(expression, "unknown order");
    expression_next(expression, false);
}

static void add_field(struct projection *projection, const char *key)
{
    projection->fields =
        memory_grow(projection->fields, projection->field_count, sizeof projection->fields[0]);
    struct projection_field *field = &projection->fields[projection->field_count++];
    *field = (struct projection_field){.key = memory_text(key, strlen(key))};
    if (strcmp(key, ".config") != 0)
        field->place = projection->places++;
}

static void exclude(struct exclusions *exclusions, const char *key)
{
    if (strcmp(key, ".config") == 0)
        exclusions->has_config = true;
    else if (strcmp(key, ".fullname") == 0)
        exclusions->has_fullname = true;
    else
        texts_add(key[0] == '/' || strcmp(key, ".name") == 0 ? &exclusions->names : &exclusions->config, key,
                  strlen(key));
}

static void parse_field(struct projection *projection, struct exclusions *exclusions,
                        struct expression *expression)
{
    const char *key = expression->token.text;
    if (expression->token.kind != TOKEN_WORD)
        expression_fail(expression, "expected key");
    else if (strcmp(key, ".unit") == 0)
        expression_fail(expression, ".unit is only allowed in filters");
    else if (key[0] == '\0')
        expression_fail(expression, "key must not be empty");
    if (expression->error != NULL)
        return;
    add_field(projection, key);
    exclude(exclusions, key);
    expression_next(expression, false);
    if (!expression_is_sign(expression, '@'))
        return;
    expression_next(expression, false);
    parse_order(expression, &projection->fields[projection->field_count - 1]);
}

bool projection_parse(struct projection *projection, struct exclusions *exclusions, const char *text,
                      const char **error, size_t *at)
{
    struct expression expression = expression_of(text);
    while (expression.token.kind != TOKEN_END) {
        if (projection->field_count > 0 && expression_is_sign(&expression, ','))
            expression_next(&expression, false);
        parse_field(projection, exclusions, &expression);
    }
    *error = expression.error;
    *at = expression.error != NULL ? (size_t)(expression.error_at - text) : 0;
    return expression.error == NULL;
}

void projection_of_residue(struct projection *projection, const struct exclusions *exclusions)
{
    if (!exclusions->has_config)
        add_field(projection, ".config");
    if (!exclusions->has_fullname)
        add_field(projection, ".fullname");
}

/* --- projecting --- */

bool projection_admits(const struct projection *projection, const struct record *record)
{
    for (size_t i = 0; i < projection->field_count; i++) {
        const struct projection_field *field = &projection->fields[i];
        if (field->order != ORDER_FIXED)
            continue;
        size_t rank;
        char *value = record_value(record, field->key);
        bool is_listed = texts_find(&field->ranks, value, &rank);
        free(value);
        if (!is_listed)
            return false;
    }
    return true;
}

static size_t place_of_sub(struct projection *projection, struct projection_field *field, const char *key)
{
    size_t known = field->subs.count, sub = texts_add(&field->subs, key, strlen(key));
    if (sub == known) {
        field->places = memory_grow(field->places, known, sizeof field->places[0]);
        field->places[sub] = projection->places++;
    }
    return field->places[sub];
}

/* So that there is room for all of .config, places are found before values are. */
static void find_places(struct projection *projection, const struct exclusions *exclusions,
                        struct projection_field *field, const struct record *record)
{
    size_t index;
    for (size_t key = 0; key < record->keys->count; key++)
        if (config_value(record->config, key)[0] != '\0' &&
            !texts_find(&exclusions->config, record->keys->items[key], &index))
            place_of_sub(projection, field, record->keys->items[key]);
}

static void fill_config(const struct projection_field *field, const struct record *record, char **values)
{
    for (size_t sub = 0; sub < field->subs.count; sub++)
        values[field->places[sub]] = record_value(record, field->subs.items[sub]);
}

static bool is_config(const struct projection_field *field)
{
    return strcmp(field->key, ".config") == 0;
}

static char **values_of(struct projection *projection, const struct exclusions *exclusions,
                        const struct record *record)
{
    for (size_t i = 0; i < projection->field_count; i++)
        if (is_config(&projection->fields[i]))
            find_places(projection, exclusions, &projection->fields[i], record);
    char **values = memory_new(projection->places, sizeof *values);
    for (size_t i = 0; i < projection->field_count; i++) {
        const struct projection_field *field = &projection->fields[i];
        if (is_config(field))
            fill_config(field, record, values);
        else if (strcmp(field->key, ".fullname") == 0)
            values[field->place] = record_fullname(record, &exclusions->names);
        else
            values[field->place] = record_value(record, field->key);
    }
    return values;
}

/* No value has a line end in it. Empty values at the end are left out, so that a tuple stays the same when
 * places are added. */
static char *joined(char *const *values, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(values[i]) + 1;
    char *text = memory_new(size, 1), *to = text;
    for (size_t i = 0; i < count; i++) {
        to = stpcpy(to, values[i]);
        *to++ = '\n';
    }
    return text;
}

static void note_order(struct projection *projection, char *const *values, size_t count)
{
    for (size_t i = 0; i < projection->field_count; i++) {
        struct projection_field *field = &projection->fields[i];
        const char *value = field->place < count ? values[field->place] : "";
        if (field->order == ORDER_FIRST && !is_config(field))
            texts_add(&field->ranks, value, strlen(value));
    }
}

size_t projection_of(struct projection *projection, const struct exclusions *exclusions,
                     const struct record *record)
{
    char **values = values_of(projection, exclusions, record);
    size_t places = projection->places, count = places;
    while (count > 0 && values[count - 1][0] == '\0')
        count--;
    char *text = joined(values, count);
    size_t known = projection->texts.count, tuple = texts_add(&projection->texts, text, strlen(text));
    free(text);
    if (tuple == known) {
        projection->tuples = memory_grow(projection->tuples, known, sizeof projection->tuples[0]);
        projection->tuples[tuple] = (struct tuple){values, count};
        note_order(projection, values, count);
        return tuple;
    }
    for (size_t i = 0; i < places; i++)
        free(values[i]);
    free(values);
    return tuple;
}

/* --- reading tuples --- */

bool projection_next_field(const struct projection *projection, struct flat_field *flat)
{
    for (; flat->field_index < projection->field_count; flat->field_index++, flat->sub = 0) {
        const struct projection_field *field = &projection->fields[flat->field_index];
        size_t subs = is_config(field) ? field->subs.count : 1;
        if (flat->sub == subs)
            continue;
        flat->field = field;
        flat->name = is_config(field) ? field->subs.items[flat->sub] : field->key;
        flat->place = is_config(field) ? field->places[flat->sub] : field->place;
        flat->sub++;
        return true;
    }
    return false;
}

const char *projection_value(const struct projection *projection, size_t tuple, size_t place)
{
    return place < projection->tuples[tuple].count ? projection->tuples[tuple].values[place] : "";
}

char *projection_label(const struct projection *projection, size_t tuple)
{
    size_t size = 1;
    for (size_t i = 0; i < projection->tuples[tuple].count; i++)
        size += strlen(projection->tuples[tuple].values[i]) + 1;
    char *label = memory_new(size, 1), *to = label;
    for (struct flat_field flat = {0}; projection_next_field(projection, &flat);) {
        const char *value = projection_value(projection, tuple, flat.place);
        if (value[0] == '\0')
            continue;
        if (to > label)
            *to++ = ' ';
        to = stpcpy(to, value);
    }
    return label;
}

/* --- ordering --- */

/* "2k", "1Mi", "64KiB": as Go's num order reads numbers. False: it is none. */
static bool read_number(const char *text, double *number)
{
    static const char prefixes[] = "KMGTPEZY";
    char *end;
    *number = strtod(text, &end);
    if (end > text && *end == '\0')
        return true;
    const char *digits = text + strcspn(text, "0123456789.");
    *number = strtod(digits, &end);
    if (end == digits)
        return false;
    char prefix = *end == 'k' ? 'K' : *end;
    const char *place = prefix != '\0' ? strchr(prefixes, prefix) : NULL;
    if (place != NULL)
        *number *= pow(end[1] == 'i' ? 1024 : 1000, (double)(place - prefixes + 1));
    return true;
}

/* Numbers before others, NaN behind other numbers. */
static int compare_numbers(const char *left, const char *right)
{
    double l, r;
    bool has_left = read_number(left, &l), has_right = read_number(right, &r);
    if (!has_left || !has_right)
        return has_right - has_left;
    if (isnan(l) || isnan(r))
        return isnan(l) - isnan(r);
    return (l > r) - (l < r);
}

static int compare_ranks(const struct projection_field *field, const char *left, const char *right)
{
    size_t l = 0, r = 0;
    texts_find(&field->ranks, left, &l);
    texts_find(&field->ranks, right, &r);
    return (l > r) - (l < r);
}

/* Values that differ and are of one rank are ordered as texts. */
static int compare_fields(const struct projection_field *field, const char *left, const char *right)
{
    int order = strcmp(left, right);
    if (order == 0)
        return 0;
    int ranked = field->order == ORDER_NUM                         ? compare_numbers(left, right)
                 : field->order == ORDER_ALPHA || is_config(field) ? 0
                                                                   : compare_ranks(field, left, right);
    return ranked != 0 ? ranked : order;
}

static int compare_tuples(const void *left, const void *right, void *context)
{
    const struct projection *projection = context;
    size_t l = *(const size_t *)left, r = *(const size_t *)right;
    for (struct flat_field flat = {0}; projection_next_field(projection, &flat);) {
        int order = compare_fields(flat.field, projection_value(projection, l, flat.place),
                                   projection_value(projection, r, flat.place));
        if (order != 0)
            return order;
    }
    return 0;
}

size_t *projection_ranks(const struct projection *projection)
{
    size_t count = projection->texts.count;
    size_t *order = memory_new(count, sizeof *order), *ranks = memory_new(count, sizeof *ranks);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, compare_tuples, (void *)projection);
    for (size_t i = 0; i < count; i++)
        ranks[order[i]] = i;
    free(order);
    return ranks;
}
