/* results: the reader of Go's benchmark format (golang.org/design/14313-benchmark-format): configuration
 * lines, result lines, Unit lines; all other lines are skipped.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/results.h"
#include "tools/weir/benchstat/statistics.h"
#include "tools/weir/benchstat/unit.h"

/* --- Axes --- */

bool results_set_axis(struct results *results, enum axis axis, const char *text, const char **error,
                      size_t *at)
{
    results->axes[axis] = (struct projection){0};
    results->asked[axis] = true;
    return projection_parse(&results->axes[axis], &results->exclusions, text, error, at);
}

static void make_ready(struct results *results)
{
    static const char *const defaults[] = {".config", ".fullname", ".file", ""};
    const char *error;
    size_t at;
    for (int axis = 0; axis < AXES; axis++)
        if (!results->asked[axis])
            results_set_axis(results, (enum axis)axis, defaults[axis], &error, &at);
    projection_of_residue(&results->residue, &results->exclusions);
    results->is_ready = true;
}

/* --- One line --- */

struct results_reader {
    struct results *results;
    const char *name, *label;
    size_t line;
    struct config now; /* the configuration at this line */
};

static void complain(const struct results_reader *reader, const char *what)
{
    fprintf(stderr, "%s:%zu: %s\n", reader->name, reader->line, what);
}

struct piece {
    const char *text;
    size_t length;
};

static struct piece next_piece(const char **rest)
{
    const char *begin = *rest + strspn(*rest, " \t\r\v\f"), *end = begin + strcspn(begin, " \t\r\v\f");
    *rest = end;
    return (struct piece){begin, (size_t)(end - begin)};
}

static bool piece_number(struct piece field, double *number)
{
    char text[128], *end;
    if (field.length == 0 || field.length >= sizeof text)
        return false;
    memcpy(text, field.text, field.length);
    text[field.length] = '\0';
    *number = strtod(text, &end);
    return *end == '\0';
}

/* As Go's Atoi reads it. */
static const char *check_count(struct piece field)
{
    char text[32], *end;
    if (field.length == 0)
        return "missing iteration count";
    size_t sign = *field.text == '+' || *field.text == '-';
    size_t digits = strspn(field.text + sign, "0123456789");
    if (digits == 0 || sign + digits != field.length)
        return "parsing iteration count: invalid syntax";
    snprintf(text, sizeof text, "%.*s", (int)field.length, field.text);
    errno = 0;
    strtoll(text, &end, 10);
    return field.length >= sizeof text || errno == ERANGE ? "parsing iteration count: value out of range"
                                                          : NULL;
}

/* --- Cells --- */

static size_t hash_of(size_t table, size_t unit, size_t row, size_t column)
{
    size_t hash = ((table * 31 + unit) * 0x9e3779b1u + row) * 0x9e3779b97f4a7c15u + column;
    hash *= 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 32;
}

static size_t *find_slot(const struct results *results, size_t table, size_t unit, size_t row, size_t column)
{
    size_t mask = results->slot_count - 1, place = hash_of(table, unit, row, column) & mask;
    for (; results->slots[place] != 0; place = (place + 1) & mask) {
        const struct cell *cell = &results->cells[results->slots[place] - 1];
        if (cell->table == table && cell->unit == unit && cell->row == row && cell->column == column)
            break;
    }
    return &results->slots[place];
}

static void grow_slots(struct results *results)
{
    results->slot_count = results->slot_count > 0 ? 2 * results->slot_count : 16;
    free(results->slots);
    results->slots = memory_new(results->slot_count, sizeof results->slots[0]);
    for (size_t i = 0; i < results->cell_count; i++) {
        const struct cell *cell = &results->cells[i];
        *find_slot(results, cell->table, cell->unit, cell->row, cell->column) = i + 1;
    }
}

static struct cell *cell_for(struct results *results, size_t table, size_t unit, size_t row, size_t column,
                             size_t residue)
{
    if (2 * (results->cell_count + 1) > results->slot_count)
        grow_slots(results);
    size_t *slot = find_slot(results, table, unit, row, column);
    if (*slot == 0) {
        results->cells = memory_grow(results->cells, results->cell_count, sizeof results->cells[0]);
        results->cells[results->cell_count] =
            (struct cell){.table = table, .unit = unit, .row = row, .column = column, .residue = residue};
        *slot = ++results->cell_count;
    }
    return &results->cells[*slot - 1];
}

static void note_variance(const struct results *results, struct cell *cell, size_t residue)
{
    if (residue == cell->residue)
        return;
    if (cell->places < results->residue.places) {
        bool *wider = memory_new(results->residue.places, sizeof *wider);
        if (cell->varies != NULL)
            memcpy(wider, cell->varies, cell->places);
        free(cell->varies);
        cell->varies = wider;
        cell->places = results->residue.places;
    }
    for (size_t place = 0; place < cell->places; place++)
        cell->varies[place] |= strcmp(projection_value(&results->residue, cell->residue, place),
                                      projection_value(&results->residue, residue, place)) != 0;
}

static void add_record(struct results *results, const struct record *record)
{
    size_t tuples[AXES], residue = 0;
    bool is_projected = false;
    for (int axis = 0; axis < AXES; axis++)
        if (!projection_admits(&results->axes[axis], record))
            return;
    for (size_t i = 0; i < record->count; i++) {
        if (!filter_matches(results->filter, record, i))
            continue;
        for (int axis = 0; axis < AXES && !is_projected; axis++)
            tuples[axis] = projection_of(&results->axes[axis], &results->exclusions, record);
        if (!is_projected)
            residue = projection_of(&results->residue, &results->exclusions, record);
        is_projected = true;
        const struct measure *measure = &record->measures[i];
        size_t unit = texts_add(&results->units, measure->unit, strlen(measure->unit));
        struct cell *cell =
            cell_for(results, tuples[AXIS_TABLE], unit, tuples[AXIS_ROW], tuples[AXIS_COLUMN], residue);
        cell->values = memory_grow(cell->values, cell->count, sizeof cell->values[0]);
        cell->values[cell->count++] = measure->value;
        note_variance(results, cell, residue);
    }
}

/* --- Result lines --- */

static struct measure measure_of(double value, struct piece unit)
{
    double factor;
    char *written = memory_text(unit.text, unit.length), *tidy = unit_tidy(written, &factor);
    return (struct measure){value * factor, tidy, written};
}

static void free_record(struct record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        free(record->measures[i].unit);
        free(record->measures[i].written);
    }
    free(record->measures);
    free((char *)record->name);
}

/* The pairs of value and unit. False: a line has said what is wrong. A NaN is left out. */
static bool read_measures(struct results_reader *reader, const char *rest, struct record *record)
{
    for (size_t pairs = 0;; pairs++) {
        struct piece value = next_piece(&rest);
        double number;
        if (value.length == 0 && pairs == 0)
            complain(reader, "missing measurements");
        if (value.length == 0)
            return pairs > 0;
        if (!piece_number(value, &number)) {
            complain(reader, "parsing measurement: invalid syntax");
            return false;
        }
        struct piece unit = next_piece(&rest);
        if (unit.length == 0) {
            complain(reader, "missing units");
            return false;
        }
        if (isnan(number)) {
            complain(reader, "a measurement is not a number (NaN), and is left out");
            continue;
        }
        record->measures = memory_grow(record->measures, record->count, sizeof record->measures[0]);
        record->measures[record->count++] = measure_of(number, unit);
    }
}

/* "BenchmarkName 100 5 ns/op 7 B/op": nothing is taken of a line that is wrong anywhere. */
static void read_result(struct results_reader *reader, const char *rest)
{
    struct piece name = next_piece(&rest);
    if (*rest == '\0')
        return; /* the name alone, as go test -v prints it */
    const char *wrong = check_count(next_piece(&rest));
    if (wrong != NULL) {
        complain(reader, wrong);
        return;
    }
    struct record record = {.name = memory_text(name.text, name.length),
                            .file = reader->label,
                            .keys = &reader->results->keys,
                            .config = &reader->now};
    if (read_measures(reader, rest, &record))
        add_record(reader->results, &record);
    free_record(&record);
}

/* "Unit ns/op better=lower assume=nothing" */
static void read_unit(struct results_reader *reader, const char *rest)
{
    struct results *results = reader->results;
    struct piece unit = next_piece(&rest);
    if (unit.length == 0) {
        complain(reader, "missing unit");
        return;
    }
    char *written = memory_text(unit.text, unit.length);
    double factor;
    for (struct piece pair = next_piece(&rest); pair.length > 0; pair = next_piece(&rest)) {
        const char *equals = memchr(pair.text, '=', pair.length);
        if (equals == NULL || equals == pair.text) {
            complain(reader, "expected key=value");
            continue;
        }
        size_t key_length = (size_t)(equals - pair.text);
        results->infos = memory_grow(results->infos, results->info_count, sizeof results->infos[0]);
        results->infos[results->info_count++] =
            (struct unit_info){unit_tidy(written, &factor), memory_text(pair.text, key_length),
                               memory_text(equals + 1, pair.length - key_length - 1)};
    }
    free(written);
}

/* "key: value": the key begins with a lower case letter and has neither upper case nor space. An empty value
 * removes the key's value. False if the line is something else. */
static bool read_config(struct results_reader *reader, const char *line)
{
    size_t length = 0;
    while (line[length] != '\0' && line[length] != ':' && !isspace((unsigned char)line[length]) &&
           !isupper((unsigned char)line[length]))
        length++;
    const char *value = line + length + 1;
    if (!islower((unsigned char)line[0]) || line[length] != ':' ||
        (*value != '\0' && *value != ' ' && *value != '\t'))
        return false;
    value += strspn(value, " \t");
    size_t key = texts_add(&reader->results->keys, line, length);
    while (reader->now.count <= key) {
        reader->now.values = memory_grow(reader->now.values, reader->now.count, sizeof reader->now.values[0]);
        reader->now.values[reader->now.count++] = NULL;
    }
    reader->now.values[key] = *value == '\0' ? NULL : memory_text(value, strlen(value));
    return true;
}

void results_read(struct results *results, FILE *file, const char *name, const char *label)
{
    struct results_reader reader = {.results = results, .name = name, .label = label};
    if (!results->is_ready)
        make_ready(results);
    char *line = NULL;
    size_t size = 0;
    for (ssize_t length; (length = getline(&line, &size, file)) >= 0;) {
        reader.line++;
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (strncmp(line, "Benchmark", 9) == 0)
            read_result(&reader, line + 9);
        else if (strncmp(line, "Unit", 4) == 0 && isspace((unsigned char)line[4]))
            read_unit(&reader, line + 4);
        else
            read_config(&reader, line);
    }
    if (ferror(file))
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
    free(line);
    free(reader.now.values);
}

/* --- All of them --- */

struct ranks {
    size_t *of[AXES];
};

static int compare_cells(const void *left, const void *right, void *context)
{
    const struct cell *l = left, *r = right;
    const struct ranks *ranks = context;
    const size_t pairs[][2] = {{ranks->of[AXIS_TABLE][l->table], ranks->of[AXIS_TABLE][r->table]},
                               {l->unit, r->unit},
                               {ranks->of[AXIS_ROW][l->row], ranks->of[AXIS_ROW][r->row]},
                               {ranks->of[AXIS_COLUMN][l->column], ranks->of[AXIS_COLUMN][r->column]}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i][0] != pairs[i][1])
            return pairs[i][0] < pairs[i][1] ? -1 : 1;
    return 0;
}

void results_sort(struct results *results)
{
    struct ranks ranks;
    if (!results->is_ready)
        make_ready(results);
    for (int axis = 0; axis < AXES; axis++)
        ranks.of[axis] = projection_ranks(&results->axes[axis]);
    for (size_t c = 0; c < results->cell_count; c++)
        statistics_sort(results->cells[c].values, results->cells[c].count);
    if (results->cell_count > 0)
        qsort_r(results->cells, results->cell_count, sizeof results->cells[0], compare_cells, &ranks);
    for (int axis = 0; axis < AXES; axis++)
        free(ranks.of[axis]);
}

/* The first line about a unit counts, as in benchstat. */
bool results_unit_is_exact(const struct results *results, const char *unit)
{
    for (size_t i = 0; i < results->info_count; i++)
        if (strcmp(results->infos[i].unit, unit) == 0 && strcmp(results->infos[i].key, "assume") == 0)
            return strcmp(results->infos[i].value, "exact") == 0;
    return false;
}
