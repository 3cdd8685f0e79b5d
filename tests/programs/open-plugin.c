/* open-plugin LIBRARY...: opens and closes libraries that allocate in their constructors and free in their
 * destructors, also from threads and with every binding; blocks that a library returns outlive it. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"

enum { TIMES = 30, PLUGIN_BLOCK = 1000 };

static void *open_and_close(void *path)
{
    static const int flags[] = {RTLD_NOW | RTLD_LOCAL, RTLD_LAZY | RTLD_GLOBAL, RTLD_NOW | RTLD_DEEPBIND};
    for (int i = 0; i < TIMES; i++) {
        void *library = dlopen(path, flags[i % 3]);
        CHECK(library != NULL);
        void *(*make)(size_t) = (void *(*)(size_t))dlsym(library, "plugin_make");
        void (*take)(void *) = (void (*)(void *))dlsym(library, "plugin_take");
        CHECK(make != NULL && take != NULL);
        void *own = malloc(PLUGIN_BLOCK), *theirs = make(PLUGIN_BLOCK);
        CHECK(own != NULL && theirs != NULL);
        fill(theirs, PLUGIN_BLOCK);
        take(own);
        CHECK(dlclose(library) == 0);
        CHECK(is_filled(theirs, PLUGIN_BLOCK));
        free(theirs);
    }
    CHECK(dlopen("/no/such/library.so", RTLD_NOW) == NULL);
    CHECK(dlerror() != NULL); /* allocated by the C library, per thread */
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, open_and_close, argv[1 + i % (argc - 1)]) == 0);
    open_and_close(argv[1]);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(dlopen(argv[1], RTLD_NOW) != NULL); /* left open: its destructors run in exit */
}
