/* waits: calls with a timeout. Their threads block all signals, so none may return early, nor say EINTR.
 * couples: two threads, of which one waits for what the other sends, without a timeout; what arrives has to
 * be what was sent, in order. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>

#include "tests/programs/storm/storm.h"

/* --- with a timeout --- */

enum { SOCKET_MS = 40 };

typedef struct silent { /* nothing ever arrives there; each worker has its own */
    int ends[2], pair[2], epoll, semaphores, listener;
    mqd_t queue;
    sem_t zero;
    pthread_mutex_t mutex, held;
    pthread_cond_t never;
    sigset_t signal, all_but_term;
} silent_t;

typedef struct timed {
    const char *name;
    long (*wait)(silent_t *s, struct timespec timeout, struct timespec until /* CLOCK_REALTIME */);
    long right; /* or -errno */
} timed_t;

#define RESULT(call) ((errno = 0, (long)(call)) < 0 ? -(long)errno : 1)
#define TIMED(name) static long name(silent_t *s, struct timespec t, struct timespec until)
#define MS(t) ((int)((t).tv_nsec / 1000000))

TIMED(t_nanosleep)
{
    return RESULT(nanosleep(&t, NULL));
}
TIMED(t_clock_nanosleep)
{
    return -clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
}
TIMED(t_usleep)
{
    return RESULT(usleep((unsigned)MS(t) * 1000));
}
TIMED(t_thrd_sleep)
{
    int result = thrd_sleep(&t, NULL);
    return result == -1 ? -EINTR : result;
}
TIMED(t_poll)
{
    return RESULT(poll(&(struct pollfd){s->ends[0], POLLIN, 0}, 1, MS(t)));
}
TIMED(t_ppoll)
{
    return RESULT(ppoll(&(struct pollfd){s->ends[0], POLLIN, 0}, 1, &t, &s->all_but_term));
}
TIMED(t_select)
{
    fd_set set;
    FD_ZERO(&set);
    if (s->ends[0] < FD_SETSIZE)
        FD_SET(s->ends[0], &set);
    return RESULT(select(FD_SETSIZE, &set, NULL, NULL, &(struct timeval){0, MS(t) * 1000}));
}
TIMED(t_pselect)
{
    return RESULT(pselect(0, NULL, NULL, NULL, &t, &s->all_but_term));
}
TIMED(t_epoll)
{
    struct epoll_event e;
    return RESULT(epoll_wait(s->epoll, &e, 1, MS(t)));
}
TIMED(t_epoll_p)
{
    struct epoll_event e;
    return RESULT(epoll_pwait(s->epoll, &e, 1, MS(t), &s->all_but_term));
}
TIMED(t_sem)
{
    return RESULT(sem_timedwait(&s->zero, &until));
}
TIMED(t_cond)
{
    pthread_mutex_lock(&s->mutex);
    int error = pthread_cond_timedwait(&s->never, &s->mutex, &until);
    pthread_mutex_unlock(&s->mutex);
    return -error;
}
TIMED(t_mutex)
{
    return -pthread_mutex_timedlock(&s->held, &until);
}
TIMED(t_sigtimedwait)
{
    return RESULT(sigtimedwait(&s->signal, NULL, &t));
}
TIMED(t_semtimedop)
{
    return RESULT(semtimedop(s->semaphores, &(struct sembuf){0, -1, 0}, 1, &t));
}
TIMED(t_mq)
{
    char text[64];
    return RESULT(mq_timedreceive(s->queue, text, sizeof text, NULL, &until));
}
TIMED(t_futex)
{
    uint32_t word = 5;
    return RESULT(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, word, &t, NULL, 0));
}
TIMED(t_recv)
{
    char c;
    return RESULT(recv(s->pair[0], &c, 1, 0));
}
TIMED(t_read)
{
    char c;
    return RESULT(read(s->pair[0], &c, 1));
}
TIMED(t_accept)
{
    return RESULT(accept(s->listener, NULL, NULL));
}

static const timed_t timed[] = {
    {"nanosleep", t_nanosleep, 1},
    {"clock_nanosleep", t_clock_nanosleep, 0},
    {"usleep", t_usleep, 1},
    {"thrd_sleep", t_thrd_sleep, 0},
    {"poll", t_poll, 1},
    {"ppoll", t_ppoll, 1},
    {"select", t_select, 1},
    {"pselect", t_pselect, 1},
    {"epoll_wait", t_epoll, 1},
    {"epoll_pwait", t_epoll_p, 1},
    {"sem_timedwait", t_sem, -ETIMEDOUT},
    {"pthread_cond_timedwait", t_cond, -ETIMEDOUT},
    {"pthread_mutex_timedlock", t_mutex, -ETIMEDOUT},
    {"sigtimedwait", t_sigtimedwait, -EAGAIN},
    {"semtimedop", t_semtimedop, -EAGAIN},
    {"mq_timedreceive", t_mq, -ETIMEDOUT},
    {"futex", t_futex, -ETIMEDOUT},
    {"recv with a timeout", t_recv, -EAGAIN},
    {"read with a timeout", t_read, -EAGAIN},
    {"accept with a timeout", t_accept, -EAGAIN},
};
enum { TIMED_CALLS = sizeof timed / sizeof *timed, ON_SOCKETS = 3 /* the last of them */ };

static void waits_begin(worker_t *w)
{
    silent_t *s = w->state = calloc(1, sizeof *s);
    CHECK(s && pipe2(s->ends, O_CLOEXEC) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->pair) == 0);
    struct timeval timeout = {0, SOCKET_MS * 1000};
    CHECK(setsockopt(s->pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(setsockopt(s->listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
    CHECK(listen(s->listener, 1) == 0 && (s->epoll = epoll_create1(EPOLL_CLOEXEC)) >= 0);
    CHECK((s->semaphores = semget(IPC_PRIVATE, 1, 0600)) >= 0);
    char name[64];
    snprintf(name, sizeof name, "/storm-%d-%d", getpid(), w->number);
    s->queue = mq_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600,
                       &(struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 64});
    CHECK(s->queue >= 0 && mq_unlink(name) == 0);
    sem_init(&s->zero, 0, 0);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&s->held, NULL);
    pthread_mutex_lock(&s->held);
    pthread_cond_init(&s->never, NULL);
    sigemptyset(&s->signal);
    sigaddset(&s->signal, SIGRTMIN + 9);
    sigfillset(&s->all_but_term);
    sigdelset(&s->all_but_term, SIGTERM);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void wait_failed(const timed_t *call, long result, uint64_t ns, uint64_t wanted_ns)
{
    char line[200];
    snprintf(line, sizeof line, "storm: %s: result %ld, %ld is right; after %.3f of %.3f ms\n", call->name,
             result, call->right, (double)ns / 1e6, (double)wanted_ns / 1e6);
    check_failed(line);
}

static void waits_step(worker_t *w)
{
    uint64_t index = below(&w->random, TIMED_CALLS);
    const timed_t *call = &timed[index];
    bool on_socket = index >= TIMED_CALLS - ON_SOCKETS;
    long ns = on_socket ? SOCKET_MS * 1000000L : (1 + (long)below(&w->random, 25)) * 1000000;
    /* The kernel counts the timeout of a socket in ticks of its clock, of up to 10 ms; and one clock may run
     * 0.5 ‰ faster. */
    uint64_t least = (uint64_t)ns - (on_socket ? 12000000 : (uint64_t)ns / 100);
    DOING(call->name);
    uint64_t began = now_ns(CLOCK_MONOTONIC), end = now_ns(CLOCK_REALTIME) + (uint64_t)ns;
    struct timespec until = {(time_t)(end / 1000000000), (long)(end % 1000000000)};
    long result = call->wait(w->state, (struct timespec){0, ns}, until);
    uint64_t took = now_ns(CLOCK_MONOTONIC) - began;
    if (result == -EINTR && settings.interrupted)
        return;
    if (result != call->right || took < least)
        wait_failed(call, result, took, (uint64_t)ns);
}

static void waits_end(worker_t *w)
{
    silent_t *s = w->state;
    semctl(s->semaphores, 0, IPC_RMID);
    mq_close(s->queue);
    for (int i = 0; i < 2; i++) {
        close(s->ends[i]);
        close(s->pair[i]);
    }
    close(s->listener);
    close(s->epoll);
    free(s);
}

const actor_t actor_waits = {"waits", 4, 60, true, waits_begin, waits_step, waits_end};

/* --- without --- */

enum { SENT = 20 /* in a step */ };

typedef struct couple {
    int channel;
    pthread_t receiver;
    uint64_t random;
    int pipe[2], pair[2], event, queue, semaphores;
    sem_t ready, semaphore;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t number; /* under the mutex */
} couple_t;

typedef struct message {
    long type;
    uint64_t number;
} message_t;

enum channel { PIPE, SOCKET, POLLED, EVENT, QUEUE, SEM, SEMOP, COND, SIGNAL, CHANNELS };

static void send_one(couple_t *c, uint64_t number)
{
    message_t m = {1, number};
    switch (c->channel) {
    case PIPE:
        CHECK(write(c->pipe[1], &number, sizeof number) == sizeof number);
        break;
    case SOCKET:
    case POLLED:
        CHECK(send(c->pair[1], &number, sizeof number, 0) == sizeof number);
        break;
    case EVENT:
        CHECK(write(c->event, &number, sizeof number) == sizeof number);
        break;
    case QUEUE:
        CHECK(msgsnd(c->queue, &m, sizeof m.number, 0) == 0);
        break;
    case SEM:
        CHECK(sem_post(&c->semaphore) == 0);
        break;
    case SEMOP:
        CHECK(semop(c->semaphores, &(struct sembuf){0, 1, 0}, 1) == 0);
        break;
    case COND:
        pthread_mutex_lock(&c->mutex);
        c->number = number;
        pthread_cond_signal(&c->changed);
        pthread_mutex_unlock(&c->mutex);
        break;
    default:
        CHECK(pthread_sigqueue(c->receiver, SIGRTMIN + 8, (union sigval){.sival_int = (int)number}) == 0);
    }
}

/* With settings.interrupted a collector stops threads by a signal. That signal may just have a handler of
 * signals.c, which does not restart calls. */
#define UNINTERRUPTED(call)                                                                                  \
    ({                                                                                                       \
        long result;                                                                                         \
        do                                                                                                   \
            result = (long)(call);                                                                           \
        while (result < 0 && errno == EINTR && settings.interrupted);                                        \
        result;                                                                                              \
    })

/* Returns the number that arrived. EINTR is an error, except in UNINTERRUPTED. */
static uint64_t receive_one(couple_t *c, uint64_t expected)
{
    message_t m;
    uint64_t number = expected;
    siginfo_t info;
    sigset_t set;
    switch (c->channel) {
    case PIPE:
        CHECK(UNINTERRUPTED(read(c->pipe[0], &number, sizeof number)) == sizeof number);
        break;
    case POLLED:
        CHECK(poll(&(struct pollfd){c->pair[0], POLLIN, 0}, 1, -1) == 1);
        /* fall through */
    case SOCKET:
        CHECK(UNINTERRUPTED(recv(c->pair[0], &number, sizeof number, 0)) == sizeof number);
        break;
    case EVENT:
        CHECK(read(c->event, &number, sizeof number) == sizeof number);
        break;
    case QUEUE:
        CHECK(msgrcv(c->queue, &m, sizeof m.number, 0, 0) == sizeof m.number);
        number = m.number;
        break;
    case SEM:
        CHECK(sem_wait(&c->semaphore) == 0);
        break;
    case SEMOP:
        CHECK(semop(c->semaphores, &(struct sembuf){0, -1, 0}, 1) == 0);
        break;
    case COND:
        pthread_mutex_lock(&c->mutex);
        while (c->number != expected)
            CHECK(pthread_cond_wait(&c->changed, &c->mutex) == 0);
        pthread_mutex_unlock(&c->mutex);
        break;
    default:
        sigemptyset(&set);
        sigaddset(&set, SIGRTMIN + 8);
        CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 8);
        number = (uint64_t)info.si_value.sival_int;
    }
    return number;
}

static void *receive(void *argument)
{
    couple_t *c = argument;
    for (uint64_t i = 1; i <= SENT; i++) {
        sem_post(&c->ready);
        CHECK(receive_one(c, i) == i);
    }
    return NULL;
}

static void couples_begin(worker_t *w)
{
    couple_t *c = w->state = calloc(1, sizeof *c);
    CHECK(c && pipe2(c->pipe, O_CLOEXEC) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->pair) == 0);
    CHECK((c->event = eventfd(0, EFD_CLOEXEC)) >= 0);
    CHECK((c->queue = msgget(IPC_PRIVATE, 0600)) >= 0);
    CHECK((c->semaphores = semget(IPC_PRIVATE, 1, 0600)) >= 0);
    sem_init(&c->ready, 0, 0);
    sem_init(&c->semaphore, 0, 0);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->changed, NULL);
}

static const char *const channel_names[CHANNELS] = {
    "read of a pipe", "recv",  "poll and recv",     "read of an eventfd", "msgrcv",
    "sem_wait",       "semop", "pthread_cond_wait", "sigwaitinfo"};

static void couples_step(worker_t *w)
{
    couple_t *c = w->state;
    c->channel = (int)below(&w->random, CHANNELS);
    if (settings.interrupted && c->channel > SOCKET)
        c->channel = PIPE; /* the others are not restarted */
    c->number = 0;
    DOING(channel_names[c->channel]);
    c->receiver = helper_start(receive, c, true);
    for (uint64_t i = 1; i <= SENT; i++) {
        while (sem_wait(&c->ready))
            CHECK(settings.interrupted && errno == EINTR);
        if (below(&w->random, 3) == 0)
            sleep_ms((unsigned)below(&w->random, 4));
        send_one(c, i);
    }
    CHECK(pthread_join(c->receiver, NULL) == 0);
}

static void couples_end(worker_t *w)
{
    couple_t *c = w->state;
    for (int i = 0; i < 2; i++) {
        close(c->pipe[i]);
        close(c->pair[i]);
    }
    close(c->event);
    msgctl(c->queue, IPC_RMID, NULL);
    semctl(c->semaphores, 0, IPC_RMID);
    free(c);
}

const actor_t actor_couples = {"couples", 2, 15, true, couples_begin, couples_step, couples_end};
