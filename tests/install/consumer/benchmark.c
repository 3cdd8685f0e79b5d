/* A benchmark built against what was installed: the harness and its main come from there. */
#include <weir/bench.h>

/* Names that the harness uses inside are the program's own to use. */
int match_name(void);
int match_name(void)
{
    return 0;
}

BENCH(nothing)
{
    while (bench_loop(b))
        bench_keep_value(match_name());
}
