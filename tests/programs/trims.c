/* malloc_trim gives back to the kernel what was freed by hand, in every mode: all of it, also beside a locked
 * page. Where one page in sixteen is in use, the others are given back. What is in use stays as it was. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"

enum { SMALL = 1000, PAGE = 4096, MIB = 1 << 20, TOTAL = 200 * MIB };

static unsigned char *blocks[TOTAL / SMALL];

static long resident(void)
{
    char text[100] = {0};
    int file = open("/proc/self/statm", O_RDONLY);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    return atol(strchr(text, ' ')) * PAGE;
}

static int fill_all(size_t size)
{
    int count = TOTAL / (int)size;
    for (int i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        fill(blocks[i], size);
    }
    return count;
}

/* One block in `of` stays; none if that is 0. */
static void free_all_but(int count, size_t size, int of)
{
    for (int i = 0; i < count; i++)
        if (of == 0 || i % of) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
    malloc_trim(0);
    for (int i = 0; i < count; i++)
        CHECK(!blocks[i] || is_filled(blocks[i], size));
}

int main(int argc, char **arguments)
{
    long allowed = argc > 1 ? atol(arguments[1]) * MIB : 20 * MIB, before = resident();
    void *locked = malloc(300000);
    mlock(memset(locked, 1, 300000), 300000);
    int count = fill_all(SMALL);
    free_all_but(count, SMALL, 0);
    CHECK(resident() - before < allowed);
    count = fill_all(PAGE);
    free_all_but(count, PAGE, 16);
    CHECK(resident() - before < TOTAL / 8 + allowed); /* 1/16 is in use; each may lie in two pages */
    count = fill_all(SMALL);                          /* what was given back is there again */
    free_all_but(count, SMALL, 0);
    free(locked);
    return 0;
}
