// large-blocks: replaces random blocks of 64 KiB to 16 MiB among a few live ones, one word written to every
// page. An allocator that gives large blocks back to the kernel at once pays for every page again.
#include "workload.h"

int main(int argc, char **argv)
{
    enum { LIVE, COUNT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [LIVE] = {"live", 20, "blocks live at a time"},
        [COUNT] = {"count", 8000, "blocks replaced"},
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
        *block = block_new(random_size(&random, 16, 24));
        pages_touch(block->address, block->size);
    }
    report_rate("large-blocks", count, now_seconds() - start);
    blocks_free(blocks, live);
    free(blocks);
    return 0;
}
