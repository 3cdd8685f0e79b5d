/* append TOTAL STEP: a block grows to TOTAL bytes by STEP bytes at a time, and shrinks again. It may move
 * only seldom: each move counts as a copy of the whole block. */
#include <stdlib.h>

#include "check.h"

int main(int count, char **arguments)
{
    CHECK(count == 3);
    size_t total = strtoul(arguments[1], NULL, 10), step = strtoul(arguments[2], NULL, 10), copied = 0;
    char *p = NULL;
    for (size_t size = step; size <= total; size += step) {
        char *q = realloc(p, size);
        CHECK(q != NULL);
        if (q != p)
            copied += size;
        p = q;
        memset(p + size - step, (int)(size / step % 251), step);
    }
    CHECK(copied <= 20 * total);
    for (size_t size = step; size <= total; size += step)
        CHECK((unsigned char)p[size - 1] == size / step % 251);
    for (size_t size = total; size > step; size -= size / 8 + 1)
        CHECK((p = realloc(p, size)) != NULL && p[0] == 1);
    free(p);
}
