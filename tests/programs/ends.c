/* Collect mode: of some blocks the program keeps only the address one past the end, as C allows. After much
 * garbage these blocks are still there. */
#include <stdlib.h>

#include "check.h"

enum { BLOCKS = 200, GARBAGE = 200000 };

static const size_t sizes[] = {16, 32, 64, 256, 1024, 4096, 32768, 65536, 1 << 20};
static unsigned char *ends[BLOCKS];

static size_t size_of(int number)
{
    return sizes[number % (int)(sizeof sizes / sizeof *sizes)];
}

__attribute__((noinline)) static void make_blocks(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        unsigned char *block = i % 3 == 0   ? malloc(size_of(i))
                               : i % 3 == 1 ? calloc(1, size_of(i))
                                            : realloc(malloc(1), size_of(i));
        CHECK(block != NULL);
        memset(block, i, size_of(i));
        ends[i] = block + size_of(i);
    }
}

__attribute__((noinline)) static void make_garbage(void)
{
    for (int i = 0; i < GARBAGE; i++) {
        char *block = memset(malloc(size_of(i) % 5000), 0xee, size_of(i) % 5000);
        __asm__ volatile("" : : "r"(block) : "memory");
    }
}

int main(void)
{
    make_blocks();
    make_garbage();
    for (int i = 0; i < BLOCKS; i++)
        for (size_t k = 1; k <= size_of(i); k++)
            CHECK(ends[i][-k] == (unsigned char)i);
    return 0;
}
