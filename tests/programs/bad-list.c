/* Writes into a free block, as a use after free does, and goes on: bad-list SIZE CORRUPTION refill|exit|late.
 *
 * Which words of a free block an allocator uses is its own affair; any of the first two may be a link or a
 * mark. "late": after many allocations, and many times, into another free block each time.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { FREED = 8, MANY = 20000 };

static const uintptr_t masks[] = {0x1,        0x8,    0x4141414141414141, 0x7f0000000000, (uintptr_t)1 << 63,
                                  0x10000000, 0xfff1, 0xdead0000};

static void take_and_free(char *blocks[FREED], size_t size)
{
    for (int i = 0; i < FREED; i++)
        CHECK((blocks[i] = hide(malloc(size))) != NULL);
    for (int i = 0; i < FREED; i++)
        free(blocks[i]);
}

int main(int count, char **arguments)
{
    CHECK(count == 4);
    size_t size = strtoul(arguments[1], NULL, 10);
    unsigned corruption = (unsigned)atoi(arguments[2]);
    char *blocks[FREED];
    bool is_late = strcmp(arguments[3], "late") == 0;
    for (int i = 0; is_late && i < MANY; i++)
        take_and_free(blocks, 3000);
    for (int i = 0; i < (is_late ? MANY : 1); i++) {
        take_and_free(blocks, size);
        uintptr_t *words = hide(blocks[FREED / 2]);
        words[corruption / 8 % 2] ^= masks[corruption % 8];
    }
    if (strcmp(arguments[3], "refill") == 0)
        for (int i = 0; i < MANY; i++)
            memset(hide(malloc(size)), 0, size);
    return 0;
}
