/* storm: everything at once. Actors (the other files here) do in many threads what programs do: blocks of all
 * sizes that change hands, threads that come, go and are cancelled, fork, vfork, exec, waiting calls, signals
 * at 1 kHz, dlopen, coroutines, mappings, the C library's own allocations; each checks its own results. The
 * main thread watches that all make progress.
 *
 *     storm [minutes=30] [rounds=N] [seed=N] [drop=1] [interrupted=1] [hang=SECONDS] [only=NAME,...]
 *     [most=MiB]
 *
 * rounds=N: instead of a time, a certain amount of work. drop=1: some blocks are dropped instead of freed.
 * interrupted=1: calls that wait may return EINTR. most: the memory that may be resident at any time. Ends
 * with a line "storm: PASS …" and 0, with a failed check and 1, or with a list of who does what and SIGABRT
 * if somebody hangs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/programs/storm/storm.h"

enum { WORKERS_MAX = 64, ALTERNATE = 64 << 10 };

settings_t settings = {.seconds = 30 * 60, .seed = 1, .hang = HANG};
_Atomic bool over;
char own_path[4096];
__thread worker_t *self;

static const actor_t *const actors[] = {&actor_heap,     &actor_threads, &actor_cancel,      &actor_children,
                                        &actor_waits,    &actor_couples, &actor_libraries,   &actor_stacks,
                                        &actor_mappings, &actor_libc,    &actor_environment, &actor_signals};
enum { ACTORS = sizeof actors / sizeof *actors };

static worker_t workers[WORKERS_MAX];
static int workers_count;

/* --- threads --- */

static sigset_t all_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    return all;
}

pthread_t helper_start(void *(*run)(void *), void *argument, bool deaf)
{
    sigset_t mask = all_signals();
    if (!deaf)
        sigemptyset(&mask);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setsigmask_np(&attributes, &mask);
    pthread_t thread;
    CHECK(pthread_create(&thread, &attributes, run, argument) == 0);
    pthread_attr_destroy(&attributes);
    return thread;
}

/* Now and then a worker takes no signals for a step. */
static void step_behind_a_mask(worker_t *w)
{
    sigset_t all = all_signals(), before;
    pthread_sigmask(SIG_BLOCK, &all, &before);
    w->actor->step(w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void *work(void *argument)
{
    worker_t *w = self = argument;
    w->task = (pid_t)syscall(SYS_gettid);
    w->alternate = malloc(ALTERNATE);
    CHECK(w->alternate && sigaltstack(&(stack_t){.ss_sp = w->alternate, .ss_size = ALTERNATE}, NULL) == 0);
    if (w->actor->begin)
        w->actor->begin(w);
    uint64_t most = settings.rounds * (uint64_t)w->actor->steps;
    while (!over && (!most || w->steps < most)) {
        if (!w->actor->deaf && w->steps % 8 == 7)
            step_behind_a_mask(w);
        else
            w->actor->step(w);
        w->steps++;
    }
    if (w->actor->end)
        w->actor->end(w);
    DOING("nothing: it has done its part");
    while (!w->actor->deaf && signals_are_sent) /* what is queued for it may not be lost */
        sleep_ms(1);
    CHECK(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == 0);
    free(w->alternate);
    w->ended = true;
    return NULL;
}

/* A signal for a worker that takes signals, whatever it is doing. */
void worker_kill(uint64_t *random, int number, union sigval *value)
{
    for (int tries = 0; tries < 50; tries++) {
        worker_t *w = &workers[below(random, (uint64_t)workers_count)];
        if (w->actor->deaf || w->ended)
            continue;
        int error = value ? pthread_sigqueue(w->thread, number, *value) : pthread_kill(w->thread, number);
        if (error == 0)
            return;
        CHECK(error == EAGAIN || error == ESRCH);
        break;
    }
    if (value)
        signals_not_queued();
}

static bool is_asked_for(const char *name)
{
    if (!settings.only)
        return true;
    size_t length = strlen(name);
    for (const char *at = settings.only; (at = strstr(at, name)); at += length)
        if ((at == settings.only || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    return false;
}

static void start_workers(void)
{
    uint64_t random = settings.seed * 0x9E3779B97F4A7C15 + 1;
    for (int i = 0; i < ACTORS; i++)
        for (int k = 0; is_asked_for(actors[i]->name) && k < actors[i]->workers; k++) {
            CHECK(workers_count < WORKERS_MAX);
            worker_t *w = &workers[workers_count++];
            *w = (worker_t){
                .actor = actors[i], .number = k, .random = random_next(&random) | 1, .doing = "nothing yet"};
        }
    signals_are_sent = is_asked_for(actor_signals.name);
    for (int i = 0; i < workers_count; i++) /* the sender, who looks at all, comes last */
        workers[i].thread = helper_start(work, &workers[i], workers[i].actor->deaf);
}

/* --- watching --- */

static long resident_mib(void)
{
    char text[100] = {0};
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    return atol(strchr(text, ' ')) / 256;
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void await(bool (*is_so)(void), const char *line)
{
    for (double began = seconds_now(); !is_so(); sleep_ms(1))
        if (seconds_now() - began > settings.hang)
            check_failed(line);
}

/* Without malloc, whose lock may be what everybody waits for. */
static void say_who_hangs(const double *since)
{
    char line[300];
    for (int i = 0; i < workers_count; i++) {
        worker_t *w = &workers[i];
        int length = snprintf(line, sizeof line, "storm: %s %d, task %d: step %lu since %.0f s: %s%s",
                              w->actor->name, w->number, w->task, (unsigned long)w->steps,
                              seconds_now() - since[i], w->doing, w->waits_for ? ", child " : "\n");
        if (w->waits_for)
            length += snprintf(line + length, sizeof line - (size_t)length, "%d\n", w->waits_for);
        (void)!write(STDERR_FILENO, line, (size_t)length);
    }
}

static uint64_t all_steps(void)
{
    uint64_t steps = 0;
    for (int i = 0; i < workers_count; i++)
        steps += workers[i].steps;
    return steps;
}

static bool all_ended(void)
{
    for (int i = 0; i < workers_count; i++)
        if (!workers[i].ended)
            return false;
    return true;
}

static long watch(double began)
{
    double since[WORKERS_MAX], said = began;
    uint64_t steps[WORKERS_MAX];
    long most = 0;
    memset(steps, 0xff, sizeof steps);
    while (!all_ended()) {
        double now = seconds_now();
        if (settings.seconds > 0 && now - began > settings.seconds)
            over = true;
        long resident = resident_mib();
        most = resident > most ? resident : most;
        CHECK(settings.most == 0 || most <= settings.most);
        for (int i = 0; i < workers_count; i++) {
            if (steps[i] != workers[i].steps || workers[i].ended) {
                steps[i] = workers[i].steps;
                since[i] = now;
            } else if (now - since[i] > settings.hang) {
                say_who_hangs(since);
                abort();
            }
        }
        if (settings.seconds > 0 && now - said >= 60) {
            said = now;
            printf("storm: %.0f s: %lu steps, %lu children, %lu threads, %lu signals, %ld MiB resident\n",
                   now - began, (unsigned long)all_steps(), (unsigned long)children_ended,
                   (unsigned long)threads_ended, (unsigned long)signals_handled(), resident);
            fflush(stdout);
        }
        sleep_ms(settings.seconds > 0 ? 200 : 10);
    }
    return most;
}

/* --- main --- */

static void read_settings(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        char *value = strchr(arguments[i], '=');
        size_t length = value ? (size_t)(value++ - arguments[i]) : 0;
#define IS(name) (length == sizeof name - 1 && memcmp(arguments[i], name, length) == 0)
        if (IS("minutes"))
            settings.seconds = atof(value) * 60;
        else if (IS("rounds"))
            settings.seconds = 0, settings.rounds = strtoull(value, NULL, 10);
        else if (IS("seed"))
            settings.seed = strtoull(value, NULL, 10);
        else if (IS("hang"))
            settings.hang = atoi(value);
        else if (IS("drop"))
            settings.drop = atoi(value);
        else if (IS("interrupted"))
            settings.interrupted = atoi(value);
        else if (IS("only"))
            settings.only = value;
        else if (IS("most"))
            settings.most = atol(value);
        else {
            fprintf(stderr, "storm: what is %s?\n", arguments[i]);
            exit(2);
        }
    }
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "sum") == 0)
        return child_main(arguments + 2);
    read_settings(count, arguments);
    CHECK(readlink("/proc/self/exe", own_path, sizeof own_path - 1) > 0);
    double began = seconds_now();
    children_begin();
    signals_begin();
    threads_begin();
    start_workers();
    long most = watch(began);
    for (int i = 0; i < workers_count; i++)
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
    threads_end();
    signals_end();
    market_close();
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    printf(
        "storm: PASS in %.0f s, seed %lu: %lu steps, %lu children, %lu threads, %lu signals, at most %ld MiB resident\n",
        seconds_now() - began, (unsigned long)settings.seed, (unsigned long)all_steps(),
        (unsigned long)children_ended, (unsigned long)threads_ended, (unsigned long)signals_handled(), most);
    return 0;
}
