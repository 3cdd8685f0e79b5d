/* threads: threads that come and go, in every way in which one may be made and may end; and threads that are
 * cancelled, where they wait (deferred) or at any instruction (asynchronous), with their cleanups. */
#define _GNU_SOURCE
#include <limits.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <threads.h>

#include "tests/programs/storm/storm.h"

_Atomic uint64_t threads_begun, threads_ended;

/* --- that end by themselves --- */

static pthread_key_t key;
static __thread block_t *local; /* known from here alone */

static void key_gone(void *block)
{
    block_free(block);
    free(malloc(2000));
}

static block_t *live_a_little(uint64_t seed)
{
    uint64_t random = seed | 1;
    threads_begun++;
    local = block_new(&random, 5000);
    CHECK(pthread_setspecific(key, block_new(&random, 100)) == 0);
    block_t *chain = chain_new(&random, 20, 3000), *result = block_new(&random, 1000);
    for (int i = 0; i < 20; i++)
        block_free(market_swap(&random, block_new(&random, 1 << 15)));
    chain_check(chain, 20);
    chain_free(chain);
    block_free(local);
    block_check(pthread_getspecific(key));
    threads_ended++;
    return result;
}

static void *returns(void *seed)
{
    return live_a_little((uintptr_t)seed);
}

static void *exits(void *seed)
{
    pthread_exit(live_a_little((uintptr_t)seed));
}

static _Atomic uint64_t detached_begun, detached_ended;

static void *detached(void *seed)
{
    block_free(live_a_little((uintptr_t)seed));
    detached_ended++;
    return NULL;
}

static int as_c11(void *result)
{
    *(block_t **)result = live_a_little((uintptr_t)result);
    return 42;
}

static void on_timer(union sigval value)
{
    block_free(live_a_little((uintptr_t)value.sival_ptr));
    sem_post(value.sival_ptr);
}

static void join(pthread_t thread)
{
    void *result;
    DOING("pthread_join");
    CHECK(pthread_join(thread, &result) == 0);
    block_free(result);
}

/* With a stack of the program's: a block, or a mapping. */
static void on_own_stack(uint64_t *random)
{
    size_t size = 256 << 10;
    bool mapped = below(random, 2);
    void *stack = mapped ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                         : aligned_alloc(4096, size);
    CHECK(stack != NULL && stack != MAP_FAILED);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstack(&attributes, stack, size) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, &attributes, returns, (void *)(uintptr_t)random_next(random)) == 0);
    join(thread);
    pthread_attr_destroy(&attributes);
    if (mapped)
        munmap(stack, size);
    else
        free(stack);
}

static void start_detached(uint64_t *random)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 128 << 10);
    sigset_t all;
    sigfillset(&all);
    if (below(random, 2))
        pthread_attr_setsigmask_np(&attributes, &all);
    pthread_t thread;
    detached_begun++;
    CHECK(pthread_create(&thread, &attributes, detached, (void *)(uintptr_t)random_next(random)) == 0);
    pthread_attr_destroy(&attributes);
}

static void by_timer(void)
{
    sem_t *done = malloc(sizeof *done);
    CHECK(done != NULL && sem_init(done, 0, 0) == 0);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD};
    event.sigev_notify_function = on_timer;
    event.sigev_value.sival_ptr = done;
    timer_t timer;
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &(struct itimerspec){.it_value = {0, 1000000}}, NULL) == 0);
    DOING("thread of a timer");
    while (sem_wait(done))
        CHECK(errno == EINTR);
    CHECK(timer_delete(timer) == 0);
    free(done);
}

void threads_begin(void)
{
    CHECK(pthread_key_create(&key, key_gone) == 0);
}

static void threads_step(worker_t *w)
{
    enum { MOST = 8 };
    pthread_t threads[MOST];
    int count = 1 + (int)below(&w->random, MOST);
    DOING("pthread_create");
    switch (below(&w->random, 8)) {
    case 0:
        on_own_stack(&w->random);
        break;
    case 1:
        start_detached(&w->random);
        break;
    case 2:
        by_timer();
        break;
    case 3: {
        block_t *result;
        thrd_t thread;
        int status;
        CHECK(thrd_create(&thread, as_c11, &result) == thrd_success);
        CHECK(thrd_join(thread, &status) == thrd_success && status == 42);
        block_free(result);
        break;
    }
    default:
        for (int i = 0; i < count; i++)
            CHECK(pthread_create(&threads[i], NULL, i % 2 ? returns : exits,
                                 (void *)(uintptr_t)random_next(&w->random)) == 0);
        for (int i = 0; i < count; i++)
            join(threads[i]);
    }
}

static bool have_ended(void)
{
    return detached_begun == detached_ended && threads_begun == threads_ended;
}

void threads_end(void)
{
    await(have_ended, "storm: not all detached threads have ended\n");
}

const actor_t actor_threads = {"threads", 2, 25, false, NULL, threads_step, NULL};

/* --- that are cancelled --- */

typedef struct victim {
    sem_t ready;
    int where;
    int ends[2]; /* of a pair of sockets, silent */
    uint64_t seed;
    _Atomic int cleaned;
} victim_t;

static void cleanup(void *argument)
{
    block_free(argument);
}

static void cleanup_counts(void *argument)
{
    ((victim_t *)argument)->cleaned++;
}

static void unlock(void *mutex)
{
    pthread_mutex_unlock(mutex);
}

enum { ANY_INSTRUCTION = 8, AMONG_BLOCKS, PLACES };

static void wait_somewhere(victim_t *v)
{
    char c;
    struct pollfd p = {v->ends[0], POLLIN, 0};
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    sigset_t none;
    sigemptyset(&none);
    sem_t zero;
    sem_init(&zero, 0, 0);
    for (;;) /* a signal may interrupt it */
        switch (v->where) {
        case 0:
            pause();
            break;
        case 1:
            sleep_ms(100000);
            break;
        case 2:
            poll(&p, 1, 100000);
            break;
        case 3:
            (void)!read(v->ends[0], &c, 1);
            break;
        case 4:
            recv(v->ends[0], &c, 1, 0);
            break;
        case 5:
            sem_wait(&zero);
            break;
        case 6:
            sigtimedwait(&none, NULL, &(struct timespec){100, 0});
            break;
        case 7:
            pthread_mutex_lock(&mutex);
            pthread_cleanup_push(unlock, &mutex);
            for (;;)
                pthread_cond_wait(&never, &mutex);
            pthread_cleanup_pop(0);
            break;
        case ANY_INSTRUCTION: /* nothing of the C library is called there */
            pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
            for (volatile unsigned n = 0;; n++) {
            }
            break;
        case AMONG_BLOCKS: /* at the points in between */
            block_free(block_new(&v->seed, 1 << 14));
            pthread_testcancel();
        }
}

static void *is_cancelled(void *argument)
{
    victim_t *v = argument;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    uint64_t random = v->seed;
    pthread_setspecific(key, block_new(&random, 100));
    pthread_cleanup_push(cleanup, block_new(&random, 4000));
    pthread_cleanup_push(cleanup, block_new(&random, 1 << 17));
    pthread_cleanup_push(cleanup_counts, v);
    sem_post(&v->ready);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    wait_somewhere(v);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancel_step(worker_t *w)
{
    enum { VICTIMS = 6 };
    victim_t *v = calloc(VICTIMS, sizeof *v);
    pthread_t threads[VICTIMS];
    CHECK(v != NULL);
    DOING("starting threads to cancel");
    for (int i = 0; i < VICTIMS; i++) {
        v[i].where = (int)below(&w->random, PLACES);
        v[i].seed = random_next(&w->random) | 1;
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v[i].ends) == 0);
        sem_init(&v[i].ready, 0, 0);
        /* glibc 2.36 also cancels a thread in a signal handler that waits (BZ 12683). Our handlers have to
         * come to their end, for the signals are counted: so the threads that wait block signals. */
        threads[i] = helper_start(is_cancelled, &v[i], v[i].where < AMONG_BLOCKS);
    }
    for (int i = 0; i < VICTIMS; i++) {
        while (sem_wait(&v[i].ready))
            CHECK(errno == EINTR);
        if (below(&w->random, 2))
            sleep_ms((unsigned)below(&w->random, 3));
        CHECK(pthread_cancel(threads[i]) == 0);
    }
    DOING("joining cancelled threads");
    for (int i = 0; i < VICTIMS; i++) {
        void *result;
        CHECK(pthread_join(threads[i], &result) == 0);
        CHECK(result == PTHREAD_CANCELED && v[i].cleaned == 1);
        close(v[i].ends[0]);
        close(v[i].ends[1]);
    }
    free(v);
}

const actor_t actor_cancel = {"cancel", 1, 15, false, NULL, cancel_step, NULL};
