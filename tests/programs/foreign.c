/* Pointers from other allocators, given to free, realloc and malloc_usable_size: the process lives on, the
 * memory is untouched, no size is made up.
 *
 *     foreign libc | mapped | private | static
 *
 * libc: memory of the C library's own malloc, as a library opened with RTLD_DEEPBIND would get it. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "check.h"

enum { SIZE = 4096 };

void *__libc_malloc(size_t size);

/* An allocator as programs write them: bytes from an area of their own, with a header. */
static void *private_new(void)
{
    static char *area;
    if (area == NULL)
        area = mmap(NULL, 64 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *p = area + 32;
    area += SIZE + 64;
    return p;
}

static void *mapped_new(void)
{
    return mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *libc_new(void)
{
    return __libc_malloc(SIZE);
}

static _Alignas(16) char storage[4][SIZE];

static void *static_new(void)
{
    static int used;
    return storage[used++];
}

static const struct {
    const char *name;
    void *(*new)(void);
} kinds[] = {{"libc", libc_new}, {"mapped", mapped_new}, {"private", private_new}, {"static", static_new}};

static void heap_still_works(void)
{
    for (size_t size = 1; size < 1 << 21; size = size * 3 + 1) {
        void *p = malloc(size);
        CHECK(p != NULL);
        fill(p, size);
        CHECK(is_filled(p, size));
        free(p);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(argv[1], kinds[i].name) != 0)
            continue;
        unsigned char *p = hide(kinds[i].new());
        memset(p, 0x77, SIZE);
        size_t usable = malloc_usable_size(p);
        CHECK(usable == 0 || usable >= SIZE);
        errno = 1234;
        free(p);
        CHECK(errno == 1234);
        heap_still_works();

        unsigned char *q = hide(kinds[i].new());
        memset(q, 0x66, SIZE);
        unsigned char *r = realloc(q, 2 * SIZE); /* refused, or a good copy */
        if (r != NULL) {
            CHECK(r[0] == 0x66 && r[SIZE - 1] == 0x66);
            memset(r, 1, 2 * SIZE);
            free(r);
        }
        heap_still_works();
        return 0;
    }
    return 2;
}
