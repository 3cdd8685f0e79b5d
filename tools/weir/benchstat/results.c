/* results: the reader of Go's benchmark format (golang.org/design/14313-benchmark-format): configuration lines, result
 * lines, Unit lines; all other lines are skipped.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/results.h"
#include "tools/weir/benchstat/statistics.h"
#include "tools/weir/benchstat/unit.h"

size_t texts_add(struct texts *texts, const char *text, size_t length)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strncmp(texts->items[i], text, length) == 0 && texts->items[i][length] == '\0')
            return i;
    texts->items = memory_grow(texts->items, texts->count, sizeof texts->items[0]);
    texts->items[texts->count] = memory_text(text, length);
    return texts->count++;
}

const char *config_value(const struct config *config, size_t key)
{
    return key < config->count && config->values[key] != NULL ? config->values[key] : "";
}

/* --- One line --- */

struct reader {
    struct results *results;
    const char *name;
    size_t line, file;
    struct config now;   /* what holds from here on */
    size_t config;       /* its index among the results' configurations, */
    bool config_changed; /* unless it has changed since */
};

static void complain(const struct reader *reader, const char *what)
{
    fprintf(stderr, "%s:%zu: %s\n", reader->name, reader->line, what);
}

struct field {
    const char *text;
    size_t length;
};

static struct field next_field(const char **rest)
{
    const char *begin = *rest + strspn(*rest, " \t\r\v\f"), *end = begin + strcspn(begin, " \t\r\v\f");
    *rest = end;
    return (struct field){begin, (size_t)(end - begin)};
}

static bool field_number(struct field field, double *number)
{
    char text[128], *end;
    if (field.length == 0 || field.length >= sizeof text)
        return false;
    memcpy(text, field.text, field.length);
    text[field.length] = '\0';
    *number = strtod(text, &end);
    return *end == '\0';
}

static bool configs_equal(const struct config *left, const struct config *right)
{
    for (size_t key = 0; key < left->count || key < right->count; key++)
        if (strcmp(config_value(left, key), config_value(right, key)) != 0)
            return false;
    return true;
}

/* The index of what holds now. */
static size_t config_index(struct reader *reader)
{
    struct results *results = reader->results;
    if (!reader->config_changed)
        return reader->config;
    size_t place = 0;
    while (place < results->config_count && !configs_equal(&results->configs[place], &reader->now))
        place++;
    if (place == results->config_count) {
        results->configs = memory_grow(results->configs, place, sizeof results->configs[0]);
        struct config *copy = &results->configs[results->config_count++];
        *copy = (struct config){memory_new(reader->now.count, sizeof copy->values[0]), reader->now.count};
        for (size_t key = 0; key < copy->count; key++)
            copy->values[key] = reader->now.values[key];
    }
    reader->config_changed = false;
    return reader->config = place;
}

static bool cell_is(const struct cell *cell, size_t config, size_t unit, size_t benchmark, size_t file)
{
    return cell->config == config && cell->unit == unit && cell->benchmark == benchmark && cell->file == file;
}

/* Results of one benchmark stand together in most files: the search begins where the last one ended. */
static struct cell *cell_for(struct results *results, size_t config, size_t unit, size_t benchmark,
                             size_t file)
{
    for (size_t i = 0; i < results->cell_count; i++) {
        size_t place = (results->last_cell + i) % results->cell_count;
        if (cell_is(&results->cells[place], config, unit, benchmark, file)) {
            results->last_cell = place;
            return &results->cells[place];
        }
    }
    results->cells = memory_grow(results->cells, results->cell_count, sizeof results->cells[0]);
    results->last_cell = results->cell_count;
    struct cell *cell = &results->cells[results->cell_count++];
    *cell = (struct cell){.config = config, .unit = unit, .benchmark = benchmark, .file = file};
    return cell;
}

static void add_value(struct reader *reader, size_t benchmark, double value, struct field unit)
{
    struct results *results = reader->results;
    double factor;
    char *written = memory_text(unit.text, unit.length), *tidy = unit_tidy(written, &factor);
    size_t index = texts_add(&results->units, tidy, strlen(tidy));
    free(written);
    free(tidy);
    struct cell *cell = cell_for(results, config_index(reader), index, benchmark, reader->file);
    cell->values = memory_grow(cell->values, cell->count, sizeof cell->values[0]);
    cell->values[cell->count++] = value * factor;
}

/* "BenchmarkName 100 5 ns/op 7 B/op": nothing is taken of a line that is wrong anywhere. */
static void read_result(struct reader *reader, const char *rest)
{
    struct field name = next_field(&rest);
    if (*rest == '\0')
        return; /* the name alone, as go test -v prints it */
    struct field iterations = next_field(&rest);
    double number;
    if (iterations.length == 0 || strspn(iterations.text, "0123456789") != iterations.length) {
        complain(reader, iterations.length == 0 ? "missing iteration count"
                                                : "parsing iteration count: invalid syntax");
        return;
    }
    const char *values = rest;
    size_t pairs = 0;
    for (;; pairs++) {
        struct field value = next_field(&rest);
        if (value.length == 0)
            break;
        if (!field_number(value, &number)) {
            complain(reader, "parsing measurement: invalid syntax");
            return;
        }
        if (next_field(&rest).length == 0) {
            complain(reader, "missing units");
            return;
        }
    }
    if (pairs == 0)
        complain(reader, "missing measurements");
    size_t benchmark = pairs > 0 ? texts_add(&reader->results->benchmarks, name.text, name.length) : 0;
    for (; pairs > 0; pairs--) {
        struct field value = next_field(&values);
        field_number(value, &number);
        add_value(reader, benchmark, number, next_field(&values));
    }
}

/* "Unit ns/op better=lower assume=nothing" */
static void read_unit(struct reader *reader, const char *rest)
{
    struct results *results = reader->results;
    struct field unit = next_field(&rest);
    if (unit.length == 0) {
        complain(reader, "missing unit");
        return;
    }
    char *written = memory_text(unit.text, unit.length);
    double factor;
    for (struct field pair = next_field(&rest); pair.length > 0; pair = next_field(&rest)) {
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

/* "key: value": the key begins with a lower case letter and has neither upper case nor space; no value ends what
 * held. False if the line is something else. */
static bool read_config(struct reader *reader, const char *line)
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
    for (size_t i = 0; i < reader->results->ignored.count; i++)
        if (strlen(reader->results->ignored.items[i]) == length &&
            strncmp(reader->results->ignored.items[i], line, length) == 0)
            return true;
    size_t key = texts_add(&reader->results->keys, line, length);
    while (reader->now.count <= key) {
        reader->now.values = memory_grow(reader->now.values, reader->now.count, sizeof reader->now.values[0]);
        reader->now.values[reader->now.count++] = NULL;
    }
    reader->now.values[key] = *value == '\0' ? NULL : memory_text(value, strlen(value));
    reader->config_changed = true;
    return true;
}

void results_read(struct results *results, FILE *file, const char *name, const char *label)
{
    struct reader reader = {.results = results,
                            .name = name,
                            .config_changed = true,
                            .file = texts_add(&results->files, label, strlen(label))};
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

static int compare_configs(const struct config *left, const struct config *right)
{
    for (size_t key = 0; key < left->count || key < right->count; key++) {
        int order = strcmp(config_value(left, key), config_value(right, key));
        if (order != 0)
            return order;
    }
    return 0;
}

/* By insertion: there are few, and the cells' indices have to follow. */
static void sort_configs(struct results *results)
{
    for (size_t i = 1; i < results->config_count; i++)
        for (size_t j = i; j > 0 && compare_configs(&results->configs[j - 1], &results->configs[j]) > 0;
             j--) {
            struct config moved = results->configs[j];
            results->configs[j] = results->configs[j - 1];
            results->configs[j - 1] = moved;
            for (size_t c = 0; c < results->cell_count; c++) {
                size_t *config = &results->cells[c].config;
                *config = *config == j ? j - 1 : *config == j - 1 ? j : *config;
            }
        }
}

void results_sort(struct results *results)
{
    for (size_t c = 0; c < results->cell_count; c++)
        statistics_sort(results->cells[c].values, results->cells[c].count);
    sort_configs(results);
}

const struct cell *results_cell(const struct results *results, size_t config, size_t unit, size_t benchmark,
                                size_t file)
{
    for (size_t c = 0; c < results->cell_count; c++)
        if (cell_is(&results->cells[c], config, unit, benchmark, file))
            return &results->cells[c];
    return NULL;
}

/* The first line about a unit counts, as in benchstat. */
bool results_unit_is_exact(const struct results *results, const char *unit)
{
    for (size_t i = 0; i < results->info_count; i++)
        if (strcmp(results->infos[i].unit, unit) == 0 && strcmp(results->infos[i].key, "assume") == 0)
            return strcmp(results->infos[i].value, "exact") == 0;
    return false;
}
