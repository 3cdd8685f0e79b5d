/* Threads that wait in each of the system calls that may be cut short, while another one makes garbage. They
 * must not notice a collection: no call may return before its time, before what it waits for is there, or
 * with EINTR. A call with a timeout may not wait for long beyond it, however often it is interrupted. */
#define _GNU_SOURCE
#include <aio.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>

#include "check.h"

enum { WAIT_MS = 250 };
static const struct timespec waits = {0, WAIT_MS * 1000000};
static const struct timeval waits_tv = {0, WAIT_MS * 1000};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Each case is a thread of its own. For cases without a timeout the first thread does what they wait for,
 * WAIT_MS after all have begun. */
typedef struct wait_case {
    const char *name;
    long (*wait)(void);
    long right; /* or -errno */
} wait_case_t;

#define RESULT(expression) ((errno = 0, (long)(expression)) < 0 ? -(long)errno : 1)
#define UNTIL(clock)                                                                                         \
    ({                                                                                                       \
        struct timespec until;                                                                               \
        clock_gettime(clock, &until);                                                                        \
        until.tv_nsec += WAIT_MS * 1000000;                                                                  \
        until.tv_sec += until.tv_nsec / 1000000000;                                                          \
        until.tv_nsec %= 1000000000;                                                                         \
        until;                                                                                               \
    })

static int empty[2], late[2], pair[2], late_pair[2], child_ends[2], epoll, late_event, timer, inotify,
    listener, locked_file;
static char late_name[] = "/tmp/weir-waits.XXXXXX", directory[] = "/tmp/weir-waits-d.XXXXXX";
static int queue, semaphores;
static mqd_t posix_queue;
static sem_t late_semaphore;
static _Atomic uint32_t word;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, late_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pid_t child;

static sigset_t only(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

static sigset_t all_but_term(void)
{
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGTERM);
    return set;
}

/* --- with a timeout --- */

static long w_nanosleep(void)
{
    return RESULT(nanosleep(&waits, NULL));
}
static long w_clock_nanosleep(void)
{
    return -clock_nanosleep(CLOCK_MONOTONIC, 0, &waits, NULL);
}
static long w_usleep(void)
{
    return RESULT(usleep(WAIT_MS * 1000));
}
static long w_sleep(void)
{
    return sleep(1);
}
static long w_thrd_sleep(void)
{
    return thrd_sleep(&waits, NULL);
}
static long w_poll(void)
{
    struct pollfd p = {empty[0], POLLIN, 0};
    return RESULT(poll(&p, 1, WAIT_MS));
}
static long w_ppoll(void)
{
    sigset_t set = all_but_term();
    return RESULT(ppoll(NULL, 0, &waits, &set));
}
static long w_select(void)
{
    struct timeval t = waits_tv;
    return RESULT(select(0, NULL, NULL, NULL, &t));
}
static long w_pselect(void)
{
    sigset_t set = all_but_term();
    return RESULT(pselect(0, NULL, NULL, NULL, &waits, &set));
}
static long w_epoll(void)
{
    struct epoll_event e;
    return RESULT(epoll_wait(epoll, &e, 1, WAIT_MS));
}
static long w_epoll_p(void)
{
    struct epoll_event e;
    sigset_t set = all_but_term();
    return RESULT(epoll_pwait(epoll, &e, 1, WAIT_MS, &set));
}
static long w_epoll_p2(void)
{
    struct epoll_event e;
    return RESULT(syscall(441, epoll, &e, 1, &waits, NULL, 8L));
}
static long w_sem_timed(void)
{
    sem_t s;
    sem_init(&s, 0, 0);
    struct timespec t = UNTIL(CLOCK_REALTIME);
    return RESULT(sem_timedwait(&s, &t));
}
static long w_cond_timed(void)
{
    struct timespec t = UNTIL(CLOCK_REALTIME);
    pthread_mutex_lock(&mutex);
    return -pthread_cond_timedwait(&never, &mutex, &t);
}
static long w_recv(void)
{
    char c;
    return RESULT(recv(pair[0], &c, 1, 0));
}
static long w_read_socket(void)
{
    char c;
    return RESULT(read(pair[0], &c, 1));
}
static long w_accept(void)
{
    return RESULT(accept(listener, NULL, NULL));
}
static long w_sigtimed(void)
{
    sigset_t set = only(SIGUSR2);
    return RESULT(sigtimedwait(&set, NULL, &waits));
}
static long w_semtimed(void)
{
    struct sembuf take = {0, -1, 0};
    return RESULT(semtimedop(semaphores, &take, 1, &waits));
}
static long w_mq_timed(void)
{
    char c[8192];
    struct timespec t = UNTIL(CLOCK_REALTIME);
    return RESULT(mq_timedreceive(posix_queue, c, sizeof c, NULL, &t));
}
static long w_futex(void)
{
    return RESULT(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, word, &waits, NULL, 0L));
}
static long w_getevents(void)
{
    unsigned long context = 0;
    char event[32];
    CHECK(syscall(SYS_io_setup, 1, &context) == 0);
    /* The context stays. io_destroy waits for a grace period of the kernel's, uninterruptibly: on a busy
     * machine longer than a stop waits for a thread. */
    return RESULT(syscall(SYS_io_getevents, context, 1, 1, event, &waits));
}

/* --- for something --- */

static long w_read_pipe(void)
{
    char c;
    return RESULT(read(late[0], &c, 1));
}
static long w_readv(void)
{
    char c;
    struct iovec v = {&c, 1};
    return RESULT(readv(late[0], &v, 1));
}
static long w_recvmsg(void)
{
    char c;
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    return RESULT(recvmsg(late_pair[0], &m, 0));
}
static long w_recvmmsg(void)
{
    char c;
    struct iovec v = {&c, 1};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
    return RESULT(recvmmsg(late_pair[0], &m, 1, 0, NULL));
}
static long w_read_event(void)
{
    uint64_t n;
    return RESULT(read(late_event, &n, sizeof n));
}
static long w_read_timer(void)
{
    uint64_t n;
    return RESULT(read(timer, &n, sizeof n));
}
static long w_read_inotify(void)
{
    char c[4096];
    return RESULT(read(inotify, c, sizeof c));
}
static long w_msgrcv(void)
{
    struct {
        long type;
        char c;
    } m;
    return RESULT(msgrcv(queue, &m, 1, 0, 0));
}
static long w_semop(void)
{
    struct sembuf take = {1, -1, 0};
    return RESULT(semop(semaphores, &take, 1));
}
static long w_sem_wait(void)
{
    return RESULT(sem_wait(&late_semaphore));
}
static long w_mutex(void)
{
    return pthread_mutex_lock(&late_mutex) == 0 ? (pthread_mutex_unlock(&late_mutex), 1) : -1;
}
static long w_waitpid(void)
{
    return RESULT(waitpid(child, NULL, 0));
}
static long w_sigwait(void)
{
    sigset_t set = only(SIGRTMIN + 3);
    int n;
    return -sigwait(&set, &n);
}
static long w_sigwaitinfo(void)
{
    sigset_t set = only(SIGRTMIN + 4);
    return RESULT(sigwaitinfo(&set, NULL));
}
static long w_flock(void)
{
    int fd = open(late_name, O_RDWR);
    return RESULT(flock(fd, LOCK_EX));
}
static long w_setlkw(void)
{
    int fd = open(late_name, O_RDWR);
    struct flock l = {.l_type = F_WRLCK};
    return RESULT(fcntl(fd, F_OFD_SETLKW, &l));
}

static const wait_case_t cases[] = {
    {"nanosleep", w_nanosleep, 1},
    {"clock_nanosleep", w_clock_nanosleep, 0},
    {"usleep", w_usleep, 1},
    {"sleep", w_sleep, 0},
    {"thrd_sleep", w_thrd_sleep, 0},
    {"poll", w_poll, 1},
    {"ppoll", w_ppoll, 1},
    {"select", w_select, 1},
    {"pselect", w_pselect, 1},
    {"epoll_wait", w_epoll, 1},
    {"epoll_pwait", w_epoll_p, 1},
    {"epoll_pwait2", w_epoll_p2, 1},
    {"sem_timedwait", w_sem_timed, -ETIMEDOUT},
    {"pthread_cond_timedwait", w_cond_timed, -ETIMEDOUT},
    {"recv", w_recv, -EAGAIN},
    {"read of a socket", w_read_socket, -EAGAIN},
    {"accept", w_accept, -EAGAIN},
    {"sigtimedwait", w_sigtimed, -EAGAIN},
    {"semtimedop", w_semtimed, -EAGAIN},
    {"mq_timedreceive", w_mq_timed, -ETIMEDOUT},
    {"futex", w_futex, -ETIMEDOUT},
    {"io_getevents", w_getevents, 1},
    {"read of a pipe", w_read_pipe, 1},
    {"readv", w_readv, 1},
    {"recvmsg", w_recvmsg, 1},
    {"recvmmsg", w_recvmmsg, 1},
    {"read of an eventfd", w_read_event, 1},
    {"read of a timerfd", w_read_timer, 1},
    {"read of inotify", w_read_inotify, 1},
    {"msgrcv", w_msgrcv, 1},
    {"semop", w_semop, 1},
    {"sem_wait", w_sem_wait, 1},
    {"pthread_mutex_lock", w_mutex, 1},
    {"waitpid", w_waitpid, 1},
    {"sigwait", w_sigwait, 0},
    {"sigwaitinfo", w_sigwaitinfo, 1},
    {"flock", w_flock, 1},
    {"F_OFD_SETLKW", w_setlkw, 1},
};
enum { CASES = sizeof cases / sizeof *cases };

/* --- the frame --- */

static void prepare(void)
{
    sigset_t set = only(SIGUSR2);
    sigaddset(&set, SIGRTMIN + 3);
    sigaddset(&set, SIGRTMIN + 4);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    CHECK(pipe(empty) == 0 && pipe(late) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
          socketpair(AF_UNIX, SOCK_STREAM, 0, late_pair) == 0);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &waits_tv, sizeof waits_tv) == 0);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listen(listener, 1) == 0);
    CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &waits_tv, sizeof waits_tv) == 0);
    epoll = epoll_create1(0);
    late_event = eventfd(0, 0);
    timer = timerfd_create(CLOCK_MONOTONIC, 0);
    inotify = inotify_init();
    CHECK(mkdtemp(directory) && inotify_add_watch(inotify, directory, IN_CREATE) >= 0);
    locked_file = mkstemp(late_name);
    CHECK(flock(locked_file, LOCK_EX) == 0);
    struct flock lock = {.l_type = F_WRLCK};
    CHECK(fcntl(locked_file, F_OFD_SETLK, &lock) == 0);
    queue = msgget(IPC_PRIVATE, 0600);
    semaphores = semget(IPC_PRIVATE, 2, 0600);
    char name[64];
    snprintf(name, sizeof name, "/weir-waits-%d", getpid());
    struct mq_attr small = {.mq_maxmsg = 1, .mq_msgsize = 8192};
    posix_queue = mq_open(name, O_RDWR | O_CREAT, 0600, &small);
    mq_unlink(name);
    sem_init(&late_semaphore, 0, 0);
    pthread_mutex_lock(&late_mutex);
    CHECK(pipe(child_ends) == 0);
    child = fork();
    if (child == 0) {
        char c;
        _exit(read(child_ends[0], &c, 1) != 1);
    }
}

static atomic_int begun, finished;
static pthread_t threads[CASES];

static void serve(void)
{
    struct {
        long type;
        char c;
    } message = {1, 'x'};
    struct sembuf give = {1, 1, 0};
    char path[100];
    struct itimerspec soon = {.it_value = {0, 1}};
    CHECK(timerfd_settime(timer, 0, &soon, NULL) == 0 && write(child_ends[1], "x", 1) == 1);
    CHECK(write(late[1], "xx", 2) == 2 && write(late_pair[1], "xx", 2) == 2);
    CHECK(write(late_event, &(uint64_t){1}, 8) == 8);
    snprintf(path, sizeof path, "%s/x", directory);
    close(open(path, O_CREAT | O_RDWR, 0600));
    unlink(path);
    msgsnd(queue, &message, 1, 0);
    semop(semaphores, &give, 1);
    sem_post(&late_semaphore);
    pthread_mutex_unlock(&late_mutex);
    for (int i = 0; i < CASES; i++) {
        if (cases[i].wait == w_sigwait)
            pthread_kill(threads[i], SIGRTMIN + 3);
        if (cases[i].wait == w_sigwaitinfo)
            pthread_kill(threads[i], SIGRTMIN + 4);
    }
    close(locked_file); /* both locks; the child has it open too, and ends */
}

static void *run_case(void *argument)
{
    const wait_case_t *one = argument;
    double began = now();
    begun++;
    long result = one->wait();
    double took = now() - began;
    char line[200];
    snprintf(line, sizeof line, "%s: result %ld, %ld is right, after %.0f ms\n", one->name, result,
             one->right, took * 1e3);
    if (result != one->right || took < WAIT_MS * 0.98e-3)
        check_failed(line);
    if (getenv("WAITS_SAYS"))
        fputs(line, stderr);
    finished++;
    return NULL;
}

int main(void)
{
    prepare();
    double all_begun = 0;
    bool served = false;
    for (int i = 0; i < CASES; i++)
        pthread_create(&threads[i], NULL, run_case, (void *)&cases[i]);
    for (unsigned i = 0; finished < CASES; i++) {
        memset(hide(malloc(1000)), 0xee, 1000);
        if (all_begun == 0 && begun == CASES)
            all_begun = now();
        if (!served && all_begun != 0 && i % 1000 == 0 && now() - all_begun > WAIT_MS / 1e3) {
            serve();
            served = true;
        }
    }
    for (int i = 0; i < CASES; i++)
        pthread_join(threads[i], NULL);
    msgctl(queue, IPC_RMID, NULL);
    semctl(semaphores, 0, IPC_RMID);
    unlink(late_name);
    rmdir(directory);
    return 0;
}
