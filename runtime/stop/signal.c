/* signal: see signal.h. */
#include "runtime/stop/signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/text.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/stop/tracer.h"
#include "runtime/stop/tracer_task.h"

int os_stop_signal(void)
{
    return SIGURG;
}

static void (*_Atomic stop_handler)(const os_frame_t *frame);
static struct sigaction replaced; /* what the program had for it when the handler was installed last */

/* --- the handler --- */

/* The kernel drops what comes with a signal when the queue is full: then its sender is not known. */
static bool has_no_sender(const siginfo_t *info)
{
    return info->si_code == SI_USER && info->si_pid == 0;
}

static bool is_ours(const siginfo_t *info)
{
    return info->si_code == SI_QUEUE && info->si_value.sival_ptr == &replaced;
}

static void hand_on(int number, siginfo_t *info, void *context)
{
    if (replaced.sa_flags & SA_SIGINFO)
        replaced.sa_sigaction(number, info, context);
    else if (replaced.sa_handler != SIG_DFL && replaced.sa_handler != SIG_IGN)
        replaced.sa_handler(number);
}

/* ThreadSanitizer calls the handler later, on the thread's own stack. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
/* The kernel lays a signal's frame out as the registers, and the vector registers above them, whose size they
 * tell (Linux, arch/x86/include/uapi/asm/sigcontext.h). `red_zone` is in the handler's frame, below. */
static os_frame_t frame_of(const ucontext_t *context, uintptr_t red_zone[TRACER_RED_ZONE / 8])
{
    enum { LEGACY = 512, SOFTWARE = 464, MAGIC = 0x46505853 };
    uintptr_t stack = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
    uintptr_t to = (uintptr_t)(context + 1);
    const char *vectors = (const char *)context->uc_mcontext.fpregs;
    if (vectors) {
        const uint32_t *software = (const uint32_t *)(const void *)(vectors + SOFTWARE);
        to = (uintptr_t)vectors + (software[0] == MAGIC ? software[1] : LEGACY);
    }
    tracer_copy_red_zone(stack, red_zone);
    return (os_frame_t){
        .stack = stack, .from = (uintptr_t)red_zone & ~(uintptr_t)7, .to = to & ~(uintptr_t)7};
}
#else
static os_frame_t frame_of(const ucontext_t *context, uintptr_t red_zone[TRACER_RED_ZONE / 8])
{
    (void)context;
    return (os_frame_t){.stack = (uintptr_t)red_zone};
}
#endif

static void handle_stop(int number, siginfo_t *info, void *context)
{
    uintptr_t red_zone[TRACER_RED_ZONE / 8];
    bool is_lost = has_no_sender(info);
    if (is_lost || is_ours(info)) {
        os_frame_t frame = frame_of(context, red_zone);
        stop_handler(&frame);
        __asm__ volatile("" : : "r"(red_zone) : "memory");
    }
    if (is_lost || !is_ours(info))
        hand_on(number, info, context);
}

void os_on_stop_signal(void (*handler)(const os_frame_t *frame))
{
    struct sigaction found;
    sigaction(os_stop_signal(), NULL, &found);
    if (stop_handler && found.sa_flags & SA_SIGINFO && found.sa_sigaction == handle_stop)
        return;
    replaced = found;
    stop_handler = handler;
    struct sigaction action = {.sa_sigaction = handle_stop, .sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    sigaction(os_stop_signal(), &action, NULL);
}

bool os_stop_signal_is_used(void)
{
    return stop_handler != NULL || options.stop == OPTIONS_STOP_SIGNAL;
}

/* One that the kernel has no room for is sent again by the thread that waits. */
bool os_signal_thread(int thread)
{
    int saved = errno, process = getpid();
    siginfo_t info = {.si_signo = os_stop_signal(), .si_code = SI_QUEUE};
    info.si_pid = process;
    info.si_uid = getuid();
    info.si_value.sival_ptr = &replaced;
    bool sent =
        syscall(SYS_rt_tgsigqueueinfo, process, thread, os_stop_signal(), &info) == 0 || errno != ESRCH;
    errno = saved;
    return sent;
}

void os_mask_without_stop(sigset_t *set)
{
    sigdelset(set, os_stop_signal());
}

#define BIT(number) ((uint64_t)1 << ((number)-1))

/* Those that tell of what the thread did itself are not blocked, nor are these. */
static uint64_t block(uint64_t but)
{
    const uint64_t all =
        ~(BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGSYS) | but);
    uint64_t before = 0;
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    errno = saved;
    return before;
}

uint64_t os_block_signals(void)
{
    return block(0);
}

/* SIGCHLD is dropped as it is sent: its default is that, too. */
static bool no_child_is_heard_of(void)
{
    tracer_action_t action;
    return syscall(SYS_rt_sigaction, SIGCHLD, NULL, &action, sizeof action.mask) == 0 &&
           (action.handler == SIG_DFL || action.handler == SIG_IGN);
}

uint64_t os_block_heard_signals(void)
{
    return block(no_child_is_heard_of() ? BIT(SIGCHLD) : 0);
}

void os_restore_signals(uint64_t before)
{
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
    errno = saved;
}

/* Past wrappers of the calls for masks: they see no change. */
void os_unblock_stop_signal(void)
{
    uint64_t stop = (uint64_t)1 << (os_stop_signal() - 1);
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &stop, NULL, sizeof stop);
    errno = saved;
}

/* /proc/self/task/<thread>/<file> */
static bool read_stat_of_thread(int thread, const char *file, char *content, size_t size)
{
    char path[64];
    text_t text = text_on(path, sizeof path);
    text_add_str(&text, "/proc/self/task/");
    text_add_u64(&text, (uint64_t)thread);
    text_add_char(&text, '/');
    text_add_str(&text, file);
    int saved = errno;
    bool known = file_read(path, content, size);
    errno = saved;
    return known;
}

static bool is_there(int thread)
{
    int saved = errno;
    bool found = syscall(SYS_tgkill, getpid(), thread, 0) == 0 || errno != ESRCH;
    errno = saved;
    return found;
}

/* 1234 (name) Z ...: the name may hold anything, so the last parenthesis counts. Without a file the kernel
 * has forgotten it, or there is no /proc. */
bool os_thread_has_ended(int thread)
{
    char content[512];
    if (!read_stat_of_thread(thread, "stat", content, sizeof content))
        return !is_there(thread);
    const char *end = strrchr(content, ')');
    return end && end[1] && (end[2] == 'Z' || end[2] == 'X');
}

/* 1234 (name) S ...: the count is the 20th field; the state behind the name is the third. */
uint32_t os_thread_count(void)
{
    char content[1024];
    int saved = errno;
    bool known = file_read("/proc/self/stat", content, sizeof content);
    errno = saved;
    const char *field = known ? strrchr(content, ')') : NULL;
    for (int i = 2; field && i < 20; i++)
        field = strchr(field + 1, ' ');
    uint32_t count = 0;
    for (field = field ? field + 1 : ""; *field >= '0' && *field <= '9'; field++)
        count = count * 10 + (uint32_t)(*field - '0');
    return count;
}

/* SigBlk:\t0000000000000000, bit 0 is signal 1. */
bool os_thread_blocks_signal(int thread)
{
    char status[2048];
    if (!read_stat_of_thread(thread, "status", status, sizeof status))
        return false;
    const char *line = strstr(status, "SigBlk:");
    uint64_t blocked = 0;
    for (const char *c = line ? line + 7 : ""; *c && *c != '\n'; c++)
        if (*c != '\t')
            blocked = blocked << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    return blocked >> (os_stop_signal() - 1) & 1;
}

void os_report_no_stop(int thread, uint64_t ns, const char *why)
{
    static atomic_bool said;
    char name[32], room[256];
    if (atomic_exchange(&said, true))
        return;
    text_t text = text_on(room, sizeof room);
    text_add_str(&text, "weir: no collection: for ");
    text_add_decimal(&text, ns / 100000000, 1);
    text_add_str(&text, " s thread ");
    text_add_u64(&text, (uint64_t)thread);
    if (read_stat_of_thread(thread, "comm", name, sizeof name)) {
        text_add_char(&text, ' ');
        text_add_quoted(&text, name, strcspn(name, "\n"));
    }
    text_add_char(&text, ' ');
    text_add_str(&text, why);
    text_add_str(&text, "; the heap grows meanwhile\n");
    text_flush(&text, STDERR_FILENO);
}

int os_thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

int os_process_id(void)
{
    return (int)syscall(SYS_getpid);
}

/* The clock of a thread has its number: ~number << 3, and three bits for what it counts (Linux,
 * posix-timers.h). The C library makes it of what it knows. Not everybody's does: the first answer is
 * compared with the kernel's. */
int os_own_thread(void)
{
    static _Atomic int known; /* 1: the clock tells; -1: it does not */
    clockid_t clock;
    int number = pthread_getcpuclockid(pthread_self(), &clock) == 0 ? ~(clock >> 3) : 0;
    if (!known)
        known = number == os_thread_id() ? 1 : -1;
    return known > 0 ? number : os_thread_id();
}

static _Atomic int first_thread; /* the process's number; 0: not asked yet */

void os_note_process(void)
{
    first_thread = os_process_id();
}

bool os_is_first_thread(void)
{
    if (!first_thread)
        os_note_process();
    return os_own_thread() == first_thread;
}

#ifdef __GLIBC__

const uintptr_t *os_first_stack_start(void)
{
    extern void *__libc_stack_end; /* the dynamic linker's */
    return __libc_stack_end;
}

#else

/* `environ` points there before main may change it: below it are NULL, the arguments, and their number. */
static const uintptr_t *first_stack_start;
__attribute__((constructor)) static void find_first_stack(void)
{
    const uintptr_t *at = (const uintptr_t *)environ - 2;
    for (uintptr_t count = 0; *at != count; count++)
        at--;
    first_stack_start = at;
}

const uintptr_t *os_first_stack_start(void)
{
    if (!first_stack_start)
        find_first_stack();
    return first_stack_start;
}

#endif

/* The kernel has laid out above the first stack: the number of arguments, these and NULL, the environment and
 * NULL, pairs of the auxiliary vector up to one of AT_NULL (System V ABI). The program may have changed some:
 * then nothing of it counts. */
static uintptr_t first_stack_end(void)
{
    enum { MOST = 1 << 20 };
    const uintptr_t *start = os_first_stack_start(), *at = start + 1 + *start + 1;
    if (*start > MOST || at[-1] != 0)
        return (uintptr_t)start;
    while (*at++ != 0 && at - start < MOST)
        ;
    for (; at[0] != AT_NULL && at - start < MOST; at += 2)
        ;
    return at - start < MOST ? (uintptr_t)(at + 2) : (uintptr_t)start;
}

/* glibc keeps the record of a thread, and below it the thread-local memory, at the upper end of the stack. */
uintptr_t os_stack_end(void)
{
    if (os_is_first_thread())
        return first_stack_end();
    return (os_thread_word() + OS_THREAD_RECORD + OS_PAGE - 1) & ~(uintptr_t)(OS_PAGE - 1);
}
