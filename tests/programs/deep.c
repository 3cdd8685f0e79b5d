/* Blocks that cross between the program and libraries opened with RTLD_DEEPBIND, whose calls of malloc and
 * free would go to libc's; a library that is found only by the search path of its caller; one that prefers
 * its own symbols (-Bsymbolic).
 *
 *     deep LIBRARY...     libraries of plugin/deep.c; each is opened with every binding
 *     deep -p LIBRARY     a library of plugin/opens.c, which opens libdeep-beside.so by name alone
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "check.h"

static void cross(void *library)
{
    void *(*make)(size_t) = (void *(*)(size_t))dlsym(library, "deep_make");
    void *(*grow)(void *, size_t) = (void *(*)(void *, size_t))dlsym(library, "deep_grow");
    void (*take)(void *) = (void (*)(void *))dlsym(library, "deep_take");
    CHECK(make && grow && take);
    for (size_t size = 8; size < 10000000; size *= 3) {
        void *mine = malloc(size), *theirs = make(size);
        CHECK(mine && theirs);
        fill(mine, size);
        take(mine);
        free(theirs);
        mine = grow(malloc(size), 2 * size);
        CHECK(mine != NULL);
        free(mine);
        theirs = realloc(make(size), 2 * size);
        CHECK(theirs != NULL);
        take(theirs);
    }
}

int main(int count, char **arguments)
{
    static const int modes[] = {RTLD_NOW | RTLD_DEEPBIND, RTLD_LAZY | RTLD_GLOBAL | RTLD_DEEPBIND, RTLD_NOW};
    if (strcmp(arguments[1], "-p") == 0) {
        void *library = dlopen(arguments[2], RTLD_NOW | RTLD_DEEPBIND);
        CHECK(library != NULL);
        void *(*open_beside)(void) = (void *(*)(void))dlsym(library, "open_beside");
        CHECK(open_beside != NULL);
        void *beside = open_beside();
        CHECK(beside != NULL);
        cross(beside);
        return 0;
    }
    for (int i = 1; i < count; i++)
        for (size_t mode = 0; mode < sizeof modes / sizeof *modes; mode++) {
            void *library = dlopen(arguments[i], modes[mode]);
            CHECK(library != NULL);
            cross(library);
            CHECK(dlclose(library) == 0);
        }
    CHECK(dlopen("/no/such/library.so", RTLD_NOW | RTLD_DEEPBIND) == NULL);
    CHECK(dlerror() != NULL);
}
