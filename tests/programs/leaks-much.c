/* leaks-much: a gigabyte is allocated and forgotten, in blocks of all sizes and in cycles, of which a
 * hundredth lives. At the end it prints the peak of resident memory, in KiB.
 *   leaks-much [blind [LATER]]    without a file descriptor to be had, from the start, or after so many
 *                                 MiB */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "check.h"

enum { KEPT = 4096 };
static void **kept[KEPT];

static void become_blind(void)
{
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = 3};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
}

int main(int count, char **arguments)
{
    uint64_t random = 1, bytes = 0, blind_at = count > 2 ? strtoul(arguments[2], NULL, 10) << 20 : 0;
    while (bytes < (uint64_t)1 << 30) {
        if (count > 1 && bytes >= blind_at) {
            become_blind();
            count = 1;
        }
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t size = 16 + (random >> 40) % (random >> 60 ? 2000 : 100000);
        void **block = malloc(size), **other = malloc(16);
        CHECK(block && other);
        memset(block, 0xab, size);
        block[0] = other;
        other[0] = block; /* no count of references would find these two */
        if ((random >> 33) % 100 == 0)
            kept[(random >> 20) % KEPT] = block;
        bytes += size;
    }
    for (size_t i = 0; i < KEPT; i++)
        CHECK(!kept[i] || *(void ***)kept[i][0] == (void **)kept[i]);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%ld\n", usage.ru_maxrss);
}
