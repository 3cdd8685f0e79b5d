/* Signals from the first instruction on, with a handler that allocates. malloc cannot be async-signal-safe.
 * But a handler that does not interrupt the allocator may call it at any time of the start-up: in
 * constructors, in the relocation of lazily bound calls, at the start of main, even as the first call of the
 * process.
 *
 * The storm begins in the program's pre-initialisers, which run before every library's constructors. The
 * program sets a flag around each of its own calls of the allocator; while it is set the handler does not
 * allocate. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "check.h"

/* So many signals and no more: on a slow machine they would leave the program no time. */
enum { INTERVAL_US = 20, IN_HANDLER = 8, SIGNALS_MAX = 5000 };

static volatile sig_atomic_t in_allocator, signals;
static void *held[IN_HANDLER];

static void on_alarm(int number)
{
    (void)number;
    if (++signals == SIGNALS_MAX)
        setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    if (in_allocator)
        return;
    int saved = errno;
    size_t size = 10 + (size_t)signals * 37 % 3000;
    int i = signals % IN_HANDLER;
    free(held[i]);
    held[i] = malloc(size);
    CHECK(held[i] != NULL);
    memset(held[i], 1, size);
    errno = saved;
}

static void start_storm(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    raise(SIGALRM); /* the first allocation of the process, in a handler */
    struct itimerval interval = {{0, INTERVAL_US}, {0, INTERVAL_US}};
    CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = start_storm;

__attribute__((constructor)) static void constructor(void)
{
    for (int i = 0; i < 200; i++) {
        in_allocator = 1;
        void *p = malloc((size_t)i * 50);
        free(p);
        in_allocator = 0;
    }
}

int main(void)
{
    for (int i = 0; i < 300; i++) {
        in_allocator = 1;
        void *p = calloc(1, (size_t)i * 100 + 1);
        in_allocator = 0;
        CHECK(is_zero(p, (size_t)i * 100 + 1)); /* long enough to be interrupted */
        in_allocator = 1;
        free(p);
        in_allocator = 0;
    }
    struct itimerval off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(signals > 0);
    _exit(0);
}
