/* linker-lock [ROUNDS]: threads load and unload a library while others need collections. glibc allocates under the
 * linker's locks, and pthread_create takes one of them: who starts a thread must hold nothing that an allocation
 * waits for. A process starts its marking threads once, so each round is a child. Prints nothing; status 1 when a
 * child hangs. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { ROUNDS = 10, LOADERS = 3, DROPPERS = 2, BLOCKS = 200 * 1000 };

static _Atomic int dropping = DROPPERS;

static void *load(void *argument)
{
    (void)argument;
    while (dropping > 0) {
        void *library = dlopen("libBrokenLocale.so.1", RTLD_NOW);
        if (library)
            dlclose(library);
    }
    return NULL;
}

static void *drop(void *argument)
{
    char *volatile block = NULL;
    for (int i = 0; i < BLOCKS; i++) {
        block = malloc(200);
        memset(block, 1, 200);
    }
    dropping--;
    return argument;
}

static int round_run(void)
{
    pthread_t threads[LOADERS + DROPPERS];
    alarm(HANG);
    for (int i = 0; i < LOADERS + DROPPERS; i++)
        if (pthread_create(&threads[i], NULL, i < LOADERS ? load : drop, NULL) != 0)
            return 2;
    for (int i = 0; i < LOADERS + DROPPERS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

int main(int count, char **arguments)
{
    int rounds = count > 1 ? atoi(arguments[1]) : ROUNDS;
    for (int i = 0; i < rounds; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(round_run());
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            fprintf(stderr, "linker-lock: round %d: status %#x\n", i, status);
            return 1;
        }
    }
    return 0;
}
