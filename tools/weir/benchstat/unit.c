/* unit: prefixes and digits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/benchstat/unit.h"

/* The words of a unit. below: in the denominator, which '/' begins and '*' ends. */
struct words {
    const char *word;
    size_t length;
    bool below;
};

static bool words_next(struct words *words)
{
    const char *place = words->word + words->length;
    for (; *place != '\0' && strchr("*/- \t", *place) != NULL; place++)
        if (*place == '*' || *place == '/')
            words->below = *place == '/';
    words->word = place;
    words->length = strcspn(place, "*/- \t");
    return words->length > 0;
}

static bool word_is(const struct words *words, const char *text)
{
    return strlen(text) == words->length && strncmp(words->word, text, words->length) == 0;
}

char *unit_tidy(const char *unit, double *factor)
{
    /* "sec" for "ns" is the longest replacement: one character more than a word of two. */
    char *tidy = memory_new(2 * strlen(unit) + 1, 1), *end = tidy;
    const char *copied = unit;
    struct words words = {.word = unit};
    *factor = 1;
    while (words_next(&words)) {
        const char *replacement = NULL;
        if (!words.below && word_is(&words, "ns")) {
            replacement = "sec";
            *factor /= 1e9;
        } else if (!words.below && word_is(&words, "MB")) {
            replacement = "B";
            *factor *= 1e6;
        }
        if (replacement == NULL)
            continue;
        end = mempcpy(end, copied, (size_t)(words.word - copied));
        end = stpcpy(end, replacement);
        copied = words.word + words.length;
    }
    strcpy(end, copied);
    return tidy;
}

bool unit_is_binary(const char *unit)
{
    struct words words = {.word = unit};
    while (words_next(&words))
        if (!words.below && (word_is(&words, "B") || word_is(&words, "MB") || word_is(&words, "bytes")))
            return true;
    return false;
}

/* How many decimals give four digits after rounding: 999.9, 99.99, 9.999. Negative: the value is below 1, too
 * small for this prefix. So 1000 to 1023 bytes are shown as such, not as 0.99 Ki. */
static int decimals_for(double scaled)
{
    return scaled >= 99.995 ? 1 : scaled >= 9.9995 ? 2 : scaled >= 0.99995 ? 3 : -1;
}

struct scale unit_scale(const double *values, size_t count, bool binary)
{
    static const struct scale decimal[] = {{1e12, "T", 0}, {1e9, "G", 0},  {1e6, "M", 0},  {1e3, "k", 0},
                                           {1, "", 0},     {1e-3, "m", 0}, {1e-6, "µ", 0}, {1e-9, "n", 0}};
    static const struct scale binaries[] = {
        {0x1p40, "Ti", 0}, {0x1p30, "Gi", 0}, {0x1p20, "Mi", 0}, {0x1p10, "Ki", 0}, {1, "", 0}};
    const struct scale *scales = binary ? binaries : decimal;
    size_t last = (binary ? sizeof binaries / sizeof binaries[0] : sizeof decimal / sizeof decimal[0]) - 1;
    double least = 0;
    for (size_t i = 0; i < count; i++)
        if (values[i] != 0 && isfinite(values[i]) && (least == 0 || fabs(values[i]) < least))
            least = fabs(values[i]);
    if (least == 0)
        return (struct scale){1, "", 3};
    for (size_t i = 0; i <= last; i++) {
        struct scale scale = scales[i];
        scale.decimals = decimals_for(least / scale.factor);
        if (scale.decimals > 0)
            return scale;
    }
    struct scale scale = scales[last];
    double bound = 0.99995;
    for (scale.decimals = 3; scale.decimals < 10 && least / scale.factor < bound; scale.decimals++)
        bound /= 10;
    return scale;
}

/* As Go prints them. False: it is finite. */
static bool format_infinite(double value, char text[UNIT_TEXT_SIZE])
{
    if (isfinite(value))
        return false;
    strcpy(text, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    return true;
}

void unit_format(struct scale scale, double value, char text[UNIT_TEXT_SIZE])
{
    if (format_infinite(value, text))
        return;
    snprintf(text, UNIT_TEXT_SIZE, "%.*f%s", scale.decimals, value / scale.factor, scale.prefix);
}

void unit_format_exact(double value, char text[UNIT_TEXT_SIZE])
{
    int digits = 0;
    if (format_infinite(value, text))
        return;
    do
        snprintf(text, UNIT_TEXT_SIZE, "%.*e", digits, value);
    while (strtod(text, NULL) != value && ++digits < 17);
    const char *exponent_text = strchr(text, 'e');
    int exponent = exponent_text != NULL ? atoi(exponent_text + 1) : 0;
    if (exponent_text != NULL && exponent >= -4 && exponent < 6)
        snprintf(text, UNIT_TEXT_SIZE, "%.*f", digits > exponent ? digits - exponent : 0, value);
}
