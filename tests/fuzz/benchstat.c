/* benchstat: files of results, and the expressions that say what is made of them. The input, after two bytes:
 * table, row, column, ignored, filter, and two files, each up to a zero byte.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tracked.h"
#include "tools/weir/benchstat/print.h"
#include "tools/weir/benchstat/results.h"

static bool set_axes(struct results *results, input_t *input)
{
    bool good = true;
    for (int axis = 0; axis < AXES; axis++) {
        const char *error;
        char *text = input_string(input);
        size_t at, length = strlen(text);
        if (length > 0 && !results_set_axis(results, (enum axis)axis, text, &error, &at)) {
            CHECK(at <= length && strlen(error) > 0);
            good = false;
        }
        free(text);
    }
    return good;
}

static bool set_filter(struct results *results, input_t *input)
{
    const char *error;
    char *text = input_string(input);
    size_t at, length = strlen(text);
    if (length > 0) {
        results->filter = filter_parse(text, &error, &at);
        CHECK(results->filter != NULL || (at <= length && strlen(error) > 0));
    }
    free(text);
    return length == 0 || results->filter != NULL;
}

static void read_file(struct results *results, input_t *input, const char *label)
{
    char *text = input_string(input);
    FILE *file = fmemopen(text, strlen(text), "r");
    if (file != NULL) {
        results_read(results, file, label, label);
        fclose(file);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    input_t input = {data, data + size};
    struct results results = {.filter = NULL};
    struct levels levels = {.confidence = input_byte(&input) / 255.0, .alpha = 0.05};
    bool csv = input_byte(&input) & 1;
    if (set_axes(&results, &input) && set_filter(&results, &input)) {
        read_file(&results, &input, "old");
        read_file(&results, &input, "new");
        results_sort(&results);
        print_tables(&results, levels, csv, nowhere);
    }
    tracked_free_all();
    return 0;
}
