/* children: fork, vfork, exec, posix_spawn, popen and system, beside everything else. A child of fork finds
 * what its parent had, and a heap that works; a program that was executed computes a sum, which its parent
 * knows. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <sys/wait.h>

#include "tests/programs/storm/storm.h"

enum { INHERITED = 100 };
extern char **environ;
_Atomic uint64_t children_ended;
pthread_rwlock_t environment_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static block_t *inherited; /* made before there is a second thread */

int child_main(char **arguments)
{
    printf("%" PRIu64 "\n", churn_sum(strtoull(arguments[0], NULL, 10), atoi(arguments[1])));
    return 0;
}

/* --- handlers around fork that allocate --- */

static __thread block_t *around; /* from prepare to parent or child, which is the same thread */
static __thread uint64_t around_random = 99;

static void prepare(void)
{
    around = block_new(&around_random, 3000);
}

static void after(void)
{
    block_free(around);
    around = NULL;
}

void children_begin(void)
{
    uint64_t random = settings.seed + 5;
    inherited = chain_new(&random, INHERITED, 1 << 14);
    CHECK(pthread_atfork(prepare, after, after) == 0);
}

/* --- fork --- */

static void await_child(pid_t child)
{
    int status;
    self->waits_for = child;
    while (waitpid(child, &status, 0) != child)
        CHECK(errno == EINTR);
    self->waits_for = 0;
    if (status != 0) {
        char text[100];
        int length =
            snprintf(text, sizeof text, "storm: %s, process %d: status %x\n", self->doing, child, status);
        (void)!write(STDERR_FILENO, text, (size_t)length);
    }
    CHECK(status == 0);
    children_ended++;
}

static void *in_child_thread(void *seed)
{
    return (void *)(uintptr_t)churn_sum((uintptr_t)seed, 200);
}

/* On a stack of our own. The C library caches stacks: at the fork another thread may have been giving back
 * the thread-local memory of a cached one, and glibc 2.36 would give it back a second time in the child. */
static void churn_in_thread(uint64_t seed)
{
    enum { STACK = 128 << 10 };
    pthread_attr_t attributes;
    pthread_t thread;
    void *stack = malloc(STACK), *result;
    CHECK(stack != NULL && pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, stack, STACK) == 0);
    CHECK(pthread_create(&thread, &attributes, in_child_thread, (void *)(uintptr_t)seed) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK((uintptr_t)result == churn_sum(seed, 200));
    pthread_attr_destroy(&attributes);
    free(stack);
}

static void in_child(worker_t *w, int depth)
{
    signals_reset();
    chain_check(inherited, INHERITED);
    chain_check(w->state, 10);
    uint64_t seed = random_next(&w->random) >> 8;
    uint64_t sum = churn_sum(seed, 300);
    chain_free(w->state);
    if (below(&w->random, 2))
        churn_in_thread(seed);
    CHECK(churn_sum(seed, 300) == sum);
    if (depth < 2 && below(&w->random, 2)) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            w->state = NULL;
            w->state = chain_new(&w->random, 10, 100);
            in_child(w, depth + 1);
        }
        DOING("a child of a child");
        await_child(child);
    }
    _exit(0);
}

static void by_fork(worker_t *w)
{
    DOING("fork");
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        in_child(w, 0);
    DOING("a child of fork");
    await_child(child);
}

/* --- exec --- */

typedef struct run {
    char seed[24], count[12];
    uint64_t sum;
    char *arguments[5];
    int out[2];
} run_t;

static run_t *run_new(worker_t *w)
{
    run_t *run = calloc(1, sizeof *run);
    CHECK(run != NULL && pipe2(run->out, O_CLOEXEC) == 0);
    uint64_t seed = random_next(&w->random) >> 8;
    int count = 50 + (int)below(&w->random, 300);
    snprintf(run->seed, sizeof run->seed, "%" PRIu64, seed);
    snprintf(run->count, sizeof run->count, "%d", count);
    run->sum = churn_sum(seed, count);
    char *arguments[] = {own_path, "sum", run->seed, run->count, NULL};
    memcpy(run->arguments, arguments, sizeof arguments);
    return run;
}

/* A stream reads no further once a signal has interrupted it. */
static void read_sum(FILE *stream, uint64_t right)
{
    sigset_t all, before;
    uint64_t sum = 0;
    sigfillset(&all);
    DOING("what a child prints");
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CHECK(stream && fscanf(stream, "%" SCNu64, &sum) == 1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK(sum == right);
}

static void run_end(run_t *run, pid_t child)
{
    close(run->out[1]);
    FILE *stream = fdopen(run->out[0], "r");
    read_sum(stream, run->sum);
    fclose(stream);
    DOING("a child that was executed");
    await_child(child);
    free(run);
}

/* In a child of vfork nothing may be done but this. */
static void execute(run_t *run)
{
    dup2(run->out[1], STDOUT_FILENO);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(own_path, run->arguments, environ);
    _exit(127);
}

static void by_exec(worker_t *w, bool shares)
{
    run_t *run = run_new(w);
    DOING(shares ? "vfork" : "fork before exec");
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler may run in the child of vfork */
    pid_t child = shares ? vfork() : fork();
    if (child == 0)
        execute(run);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK(child > 0);
    run_end(run, child);
}

static void by_spawn(worker_t *w)
{
    run_t *run = run_new(w);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    CHECK(posix_spawn_file_actions_init(&actions) == 0 && posix_spawnattr_init(&attributes) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, run->out[1], STDOUT_FILENO) == 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    pid_t child;
    DOING("posix_spawn");
    CHECK(posix_spawn(&child, own_path, &actions, &attributes, run->arguments, environ) == 0);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    run_end(run, child);
}

static void by_shell(worker_t *w)
{
    char command[5000];
    uint64_t seed = random_next(&w->random) >> 8;
    snprintf(command, sizeof command, "exec '%s' sum %" PRIu64 " 100", own_path, seed);
    DOING("popen");
    FILE *stream = popen(command, "re");
    read_sum(stream, churn_sum(seed, 100));
    DOING("pclose");
    CHECK(pclose(stream) == 0);
    children_ended++;
}

/* A child of vfork that takes its time, or allocates: the others go on. */
static void slow_vfork(void)
{
    DOING("vfork of a slow child");
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = vfork();
    if (child == 0) {
        usleep(20000);
        free(malloc(100));
        _exit(0);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK(child > 0);
    await_child(child);
}

static void step(worker_t *w)
{
    w->state = chain_new(&w->random, 10, 5000);
    pthread_rwlock_rdlock(&environment_lock);
    switch (below(&w->random, 10)) {
    case 0:
        by_exec(w, false);
        break;
    case 1:
    case 2:
        by_exec(w, true);
        break;
    case 3:
        by_spawn(w);
        break;
    case 4:
        by_shell(w);
        break;
    case 5:
        slow_vfork();
        break;
    default:
        by_fork(w);
    }
    pthread_rwlock_unlock(&environment_lock);
    chain_check(w->state, 10);
    chain_free(w->state);
    w->state = NULL;
}

const actor_t actor_children = {"children", 2, 12, false, NULL, step, NULL};
