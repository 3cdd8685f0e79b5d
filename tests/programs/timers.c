/* Threads that the C library starts by itself, with all signals blocked: a timer's. They are stopped like
 * others, and what they alone have, on the stack or in a register, is kept. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { SIZE = 100, ROUNDS = 100 * 1000 };

static char *volatile only;
static atomic_int taken, checked;
static atomic_bool go;

static bool is_intact(const char *block)
{
    return block[0] == 'k' && block[SIZE - 1] == 'k';
}

static void hold_on_stack(union sigval unused)
{
    (void)unused;
    char *volatile mine = only;
    only = NULL;
    taken++;
    while (!go)
        usleep(100);
    CHECK(is_intact(mine));
    checked++;
}

static void hold_in_register(union sigval unused)
{
    (void)unused;
    register char *mine __asm__("rbx") = only;
    __asm__ volatile("" : "+r"(mine));
    only = NULL;
    taken++;
    while (!go)
        __asm__ volatile("" : "+r"(mine));
    CHECK(is_intact(mine));
    checked++;
}

static void start(void (*call)(union sigval))
{
    int before = taken;
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = call};
    struct itimerspec soon = {.it_value.tv_nsec = 1000 * 1000};
    only = malloc(SIZE);
    memset(only, 'k', SIZE);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &soon, NULL) == 0);
    while (taken == before)
        usleep(100);
}

int main(void)
{
    start(hold_on_stack);
    start(hold_in_register);
    for (int i = 0; i < ROUNDS; i++) {
        char *volatile garbage = malloc(SIZE);
        memset(garbage, 'x', SIZE);
    }
    go = true;
    while (checked < 2)
        usleep(100);
    return 0;
}
