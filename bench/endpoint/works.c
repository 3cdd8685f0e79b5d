/* works FILE [ROUNDS]: replaces blocks of mixed sizes, for ever or for ROUNDS rounds of 1,000 blocks. It
 * counts the rounds in FILE (8 bytes at least), which it maps shared. The process that watches it divides
 * the count by this thread's processor time.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCKS = 20000, ROUND = 1000 };

int main(int count, char **arguments)
{
    static char *blocks[BLOCKS];
    uint64_t random = 88172645463325252u;
    uint64_t last = count == 3 ? strtoull(arguments[2], NULL, 10) : UINT64_MAX;
    int file = count > 1 ? open(arguments[1], O_RDWR | O_CLOEXEC) : -1;
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED)
        return 1;
    for (_Atomic uint64_t *rounds = shared; *rounds < last;
         atomic_fetch_add_explicit(rounds, 1, memory_order_relaxed))
        for (int i = 0; i < ROUND; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17; /* Marsaglia's xorshift */
            char **block = &blocks[random % BLOCKS];
            size_t size = 16 + (random >> 32) % 1000;
            free(*block);
            *block = malloc(size);
            if (*block == NULL)
                return 1;
            memset(*block, 1, size < 64 ? size : 64);
        }
}
