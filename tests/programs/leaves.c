/* The first thread leaves by pthread_exit, and the others go on: when the last of them ends, so does the process, and it
 * runs what atexit was given. Threads of the runtime do not count. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

enum { SIZE = 1000, BLOCKS = 20 * 1000 };

static void *volatile last;
static int ended;

static void forget_some(void)
{
    for (int i = 0; i < BLOCKS; i++) {
        char *block = malloc(SIZE);
        CHECK(block);
        block[0] = 1;
        last = block;
    }
}

static void *go_on(void *unused)
{
    sleep_ms(50);
    forget_some();
    ended = 1;
    return unused;
}

static void at_exit(void)
{
    CHECK(ended);
    CHECK(write(STDOUT_FILENO, "left\n", 5) == 5);
}

int main(void)
{
    pthread_t thread;
    CHECK(atexit(at_exit) == 0);
    forget_some();
    CHECK(pthread_create(&thread, NULL, go_on, NULL) == 0 && pthread_detach(thread) == 0);
    pthread_exit(NULL);
}
