/* Memory that was written to, freed and given back (or not, when the kernel refuses to take it) is zero when
 * calloc hands it out again, for every size and however it comes back. Ends in line "ok", so that its output
 * can be compared. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { BYTES = 24 << 20, ROUNDS = 3 };

static void dirty_and_free(size_t size, size_t count, void **blocks)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 0xff, size);
    }
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
}

static void expect_zero(size_t size, size_t count, void **blocks)
{
    for (size_t i = 0; i < count; i++) {
        blocks[i] = calloc(1, size);
        CHECK(blocks[i] != NULL);
        CHECK(is_zero(blocks[i], size));
    }
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
}

int main(void)
{
    static const size_t sizes[] = {64, 1000, 4096, 20000, 65536, 300000, 3 << 20, 9 << 20};
    void **blocks = malloc(BYTES / sizes[0] * sizeof *blocks);
    CHECK(blocks != NULL);
    for (int round = 0; round < ROUNDS; round++)
        for (size_t dirty = 0; dirty < sizeof sizes / sizeof sizes[0]; dirty++) {
            size_t zero = (dirty * 3 + (size_t)round) % (sizeof sizes / sizeof sizes[0]);
            dirty_and_free(sizes[dirty], BYTES / sizes[dirty], blocks);
            malloc_trim(0);
            expect_zero(sizes[dirty], BYTES / sizes[dirty], blocks);
            dirty_and_free(sizes[dirty], BYTES / sizes[dirty], blocks);
            expect_zero(sizes[zero], BYTES / sizes[zero], blocks);
        }
    free(blocks);
    puts("ok");
}
