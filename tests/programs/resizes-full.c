/* resizes-full MIB: one block is all that lives under a limit that is a quarter higher than MIB. In
 * collect mode realloc grows it after garbage was left; in every mode realloc shrinks it to sizes large and
 * small. Neither may fail. "exact" as a second argument: what a shrink gives up can be had again. */
#include <stdlib.h>

#include "check.h"

static size_t full;

static __attribute__((noinline)) void leave_garbage(size_t bytes)
{
    enum { EACH = 100000 };
    for (size_t done = 0; done < bytes; done += EACH) {
        void *p = malloc(EACH);
        CHECK(p);
        memset(hide(p), 1, EACH);
    }
}

static __attribute__((noinline)) void clear_stack(void)
{
    char zeros[16384];
    memset(hide(memset(zeros, 0, sizeof zeros)), 0, sizeof zeros);
}

static int is_all(const unsigned char *p, size_t size, unsigned char byte)
{
    return p[0] == byte && memcmp(p, p + 1, size - 1) == 0;
}

static unsigned char *make(size_t size, unsigned char byte)
{
    unsigned char *p = malloc(size);
    CHECK(p);
    return memset(hide(p), byte, size);
}

static void grow(void)
{
    size_t small = full / 8 * 5;
    unsigned char *p = make(small, 7);
    leave_garbage(full / 2);
    clear_stack();
    CHECK((p = hide(realloc(p, full))) != NULL);
    CHECK(is_all(p, small, 7));
    free(p);
}

static void shrink(size_t size, int exactly)
{
    unsigned char *p = make(full, 9);
    CHECK((p = hide(realloc(p, size))) != NULL);
    CHECK(is_all(p, size, 9));
    if (exactly)
        free(make((full - size) / 8 * 7, 1));
    free(p);
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    full = (size_t)atol(argv[1]) << 20;
    int collects = getenv("WEIR_COLLECT") != NULL;
    for (int i = 0; i < 3 && collects; i++)
        grow();
    for (size_t size = full / 8 * 7; size > 0; size = size / 8 * 5)
        shrink(size, argc > 2 && size <= full / 2);
    _exit(0);
}
