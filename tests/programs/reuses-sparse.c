/* reuses-sparse MIB: MIB of blocks of one size, of which one in each 64 KiB stays. Under a limit that is half
 * as high again, the pages between them are there for one large block, and afterwards for small blocks again.
 * What stays is as it was. With a second argument malloc_trim is called before. */
#include <malloc.h>
#include <stdlib.h>

#include "check.h"

enum { STAYS_EACH = 65536 };

static void reuse(size_t total, size_t size, int trims)
{
    size_t count = total / size, each = STAYS_EACH / size + 1;
    unsigned char **blocks = calloc(count, sizeof *blocks);
    CHECK(blocks);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < count; i++)
            if (!blocks[i]) {
                CHECK((blocks[i] = malloc(size)) != NULL);
                fill(blocks[i], size);
            }
        for (size_t i = 0; i < count; i++)
            if ((i + (size_t)round) % each) {
                free(blocks[i]);
                blocks[i] = NULL;
            }
        if (trims)
            malloc_trim(0);
        void *large = malloc(total / 2);
        CHECK(large);
        memset(hide(large), 1, total / 2);
        free(large);
        for (size_t i = 0; i < count; i++)
            CHECK(!blocks[i] || is_filled(blocks[i], size));
    }
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    free(blocks);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {112, 512, 1000, 4000, 14000};
    CHECK(argc > 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        reuse((size_t)atol(argv[1]) << 20, sizes[i], argc > 2);
    _exit(0);
}
