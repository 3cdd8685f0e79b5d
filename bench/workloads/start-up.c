// start-up: does nothing, so that it shows what a library costs before the first call of the program.
// With the argument `rss` it prints its resident size, as the page tables have it.
#include "workload.h"

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "rss"))
        printf("resident: %zu KiB\n", resident_bytes_exact() / KIB);
    return 0;
}
