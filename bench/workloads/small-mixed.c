// small-mixed: one thread replaces random blocks of 8 bytes to 1 KiB among a fixed number of live ones.
#include "workload.h"

int main(int argc, char **argv)
{
    enum { LIVE, COUNT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [LIVE] = {"live", 10000, "blocks live at a time"},
        [COUNT] = {"count", 40 << 20, "blocks replaced"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t live = arguments[LIVE].value;
    uint64_t count = arguments[COUNT].value;

    random_state random = 42;
    struct block *blocks = table_new(live, sizeof *blocks);
    double start = now_seconds();
    for (uint64_t i = 0; i < count; i++) {
        struct block *block = &blocks[random_below(&random, live)];
        block_free(*block);
        *block = block_new(random_size(&random, 3, 10));
    }
    report_rate("small-mixed", count, now_seconds() - start);
    blocks_free(blocks, live);
    free(blocks);
    return 0;
}
