/* Threads that block every signal, as many programs' do, while another one allocates: under weir run
 * --collect they are stopped all the same. One of them waits for signals, and gets none but those it asked
 * for. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"

static atomic_bool stop;

static void *block_and_work(void *argument)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!stop) {
        char **p = hide(malloc(100));
        p[0] = malloc(50);
        p[0][0] = 'x';
        CHECK(p[0][0] == 'x');
    }
    return argument;
}

static void *wait_for_signals(void *argument)
{
    sigset_t all, old;
    int number;
    sigfillset(&all);
    CHECK(sigprocmask(SIG_SETMASK, &all, &old) == 0);
    CHECK(sigwait(&all, &number) == 0 && number == SIGUSR1);
    return argument;
}

int main(void)
{
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, block_and_work, NULL);
    pthread_create(&threads[1], NULL, wait_for_signals, NULL);
    for (int i = 0; i < 2000000; i++) {
        char *garbage = hide(malloc(64));
        garbage[0] = 'x';
    }
    stop = 1;
    pthread_join(threads[0], NULL);
    pthread_kill(threads[1], SIGUSR1);
    pthread_join(threads[1], NULL);
    return 0;
}
