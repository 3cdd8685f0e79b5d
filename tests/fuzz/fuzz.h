/* fuzz: what the fuzz targets share. An input is read from its front; after its end zeros are read.
 *
 * Each target is one file with libFuzzer's entry, LLVMFuzzerTestOneInput. An input either makes the target
 * return, or it is a find: a CHECK that fails, a sanitizer's report, an invariant of the debug build.
 */
#ifndef WEIR_FUZZ_H
#define WEIR_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    const uint8_t *at, *end;
} input_t;

static inline uint8_t input_byte(input_t *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static inline uint32_t input_below(input_t *input, uint32_t bound)
{
    uint32_t number = input_byte(input);
    if (bound > 256)
        number |= (uint32_t)input_byte(input) << 8;
    return number % bound;
}

/* The bytes up to the next zero or the end, as a string in a block of its size: AddressSanitizer sees a read
 * beyond it. To be freed. */
static inline char *input_string(input_t *input)
{
    size_t length = strnlen((const char *)input->at, (size_t)(input->end - input->at));
    char *string = malloc(length + 1);
    CHECK(string != NULL);
    memcpy(string, input->at, length);
    string[length] = '\0';
    input->at += length;
    input_byte(input);
    return string;
}

/* All that is left, as a copy of its own size. To be freed. */
static inline uint8_t *input_rest(input_t *input, size_t *size)
{
    *size = (size_t)(input->end - input->at);
    uint8_t *bytes = malloc(*size ? *size : 1);
    CHECK(bytes != NULL);
    memcpy(bytes, input->at, *size);
    input->at = input->end;
    return bytes;
}

#endif
