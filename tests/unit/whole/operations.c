/* The fuzz target tests/fuzz/operations.c without a fuzzer: random sequences of calls to the whole API beside
 * its model. */
#include <criterion/criterion.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/support.h"

enum { INPUTS = SANITIZED ? 10 : 60, LONGEST = 1500 };

Test(operations, random_sequences)
{
    uint64_t random = 1;
    for (int i = 0; i < INPUTS; i++) {
        uint8_t input[LONGEST];
        size_t length = 1 + random_below(&random, LONGEST);
        for (size_t at = 0; at < length; at++)
            input[at] = (uint8_t)random_next(&random);
        LLVMFuzzerTestOneInput(input, length);
    }
}
