/* A library that may hold a megabyte, by WEIR_BUDGET: budgeted LIBRARY. The library gets no more, in whatever way it
 * asks; the program gets what it wants, in other threads and in children of fork as well. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { MIB = 1 << 20, SIZE = 10000, MOST = MIB / SIZE };

static void *(*library_allocate)(size_t size);
static char *(*library_print)(size_t length);
static void *(*library_call)(void *(*function)(size_t size), size_t size);

static void *allocate(size_t size)
{
    void *volatile p = malloc(size);
    return p;
}

static char *print(size_t size)
{
    return library_print(size);
}

static void *call(size_t size)
{
    return library_call(allocate, size);
}

/* So many blocks can be had, and as many again when they are freed. */
static void fill_up(void *(*get)(size_t size))
{
    void *blocks[MOST + 1];
    int count[2] = {0};
    for (int turn = 0; turn < 2; turn++) {
        while (count[turn] <= MOST && (blocks[count[turn]] = get(SIZE)))
            count[turn]++;
        CHECK(count[turn] > MOST / 2 && count[turn] <= MOST && errno == ENOMEM);
        void *others = allocate(2 * MIB);
        CHECK(others != NULL);
        free(others);
        CHECK(get(MIB) == NULL);
        while (count[turn]-- > 0)
            free(blocks[count[turn]]);
    }
}

static void *do_all(void *unused)
{
    fill_up(library_allocate);
    fill_up((void *(*)(size_t))print);
    fill_up(call);
    return unused;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    void *library = dlopen(argv[1], RTLD_NOW);
    CHECK(library != NULL);
    *(void **)&library_allocate = dlsym(library, "library_allocate");
    *(void **)&library_print = dlsym(library, "library_print");
    *(void **)&library_call = dlsym(library, "library_call");
    do_all(NULL);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, do_all, NULL) == 0 && pthread_join(thread, NULL) == 0);
    pid_t child = fork();
    if (child == 0) {
        do_all(NULL);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
