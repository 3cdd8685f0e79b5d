// small-fixed: blocks of one small size, one thread, in the three orders that programs free in: at once, last
// in first out, first in first out.
#include "workload.h"

static void free_at_once(size_t size, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        block_free(block_new(size));
}

static void free_last_first(size_t size, uint64_t count, struct block *blocks, size_t live)
{
    for (uint64_t done = 0; done < count; done += live) {
        for (size_t i = 0; i < live; i++)
            blocks[i] = block_new(size);
        for (size_t i = live; i-- > 0;)
            block_free(blocks[i]);
    }
}

static void free_first_first(size_t size, uint64_t count, struct block *blocks, size_t live)
{
    memset(blocks, 0, live * sizeof *blocks);
    size_t next = 0;
    for (uint64_t i = 0; i < count; i++) {
        block_free(blocks[next]);
        blocks[next] = block_new(size);
        if (++next == live)
            next = 0;
    }
    blocks_free(blocks, live);
}

int main(int argc, char **argv)
{
    enum { SIZE, LIVE, COUNT, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [SIZE] = {"size", 64, "bytes per block, at least 8"},
        [LIVE] = {"live", 1000, "blocks live at a time"},
        [COUNT] = {"count", 120 << 20, "blocks allocated in all"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t size = arguments[SIZE].value < 8 ? 8 : arguments[SIZE].value, live = arguments[LIVE].value;
    uint64_t count = arguments[COUNT].value;

    struct block *blocks = table_new(live, sizeof *blocks);
    double start = now_seconds();
    free_at_once(size, count / 3);
    free_last_first(size, count / 3, blocks, live);
    free_first_first(size, count / 3, blocks, live);
    report_rate("small-fixed", count, now_seconds() - start);
    free(blocks);
    return 0;
}
