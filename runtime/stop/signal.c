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
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/stop/tracer_task.h"
#include "runtime/stop/tracer_thread.h"

int os_stop_signal(void)
{
    return SIGURG;
}

int os_other_stop_signal(int number)
{
    return number == SIGURG ? SIGWINCH : SIGURG;
}

bool os_is_stop_signal(int number)
{
    return number == SIGURG || number == SIGWINCH;
}

static const os_stop_calls_t *_Atomic stop_calls;

/* What the program has for each of the signals. `calls` is its handler in one word, so that handle_stop never
 * sees half of a change: WITH_INFO tells that it takes three arguments. The rest is only reported. */
static struct program {
    _Atomic bool is_replaced; /* the program's action is here, and no longer in the kernel */
    _Atomic uintptr_t calls;  /* 0: it has none */
    struct sigaction action;
} programs[2];
static const uintptr_t WITH_INFO = (uintptr_t)1 << (8 * sizeof(uintptr_t) - 1);

static struct program *program_of(int number)
{
    return &programs[number != SIGURG];
}

static void note_program_action(struct program *program, const struct sigaction *action)
{
    uintptr_t calls = 0;
    if (action->sa_flags & SA_SIGINFO)
        calls = (uintptr_t)action->sa_sigaction | WITH_INFO;
    else if (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN)
        calls = (uintptr_t)action->sa_handler;
    program->action = *action;
    program->calls = calls;
}

/* --- the handler --- */

/* When the queue of signals is full, the kernel drops the data of a signal. */
enum os_sender os_sender_of(const siginfo_t *info)
{
    if (info->si_code == SI_USER && info->si_pid == 0)
        return OS_PERHAPS_SENT;
    return info->si_code == SI_QUEUE && info->si_value.sival_ptr == programs ? OS_SENT : OS_NOT_SENT;
}

static void hand_on(int number, siginfo_t *info, void *context)
{
    uintptr_t calls = program_of(number)->calls;
    if (calls & WITH_INFO)
        ((void (*)(int, siginfo_t *, void *))(calls & ~WITH_INFO))(number, info, context);
    else if (calls)
        ((void (*)(int))calls)(number);
}

/* ThreadSanitizer calls the handler later, on the thread's own stack. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
/* In a signal's frame the kernel stores the general registers and, above them, the vector registers with
 * their size (Linux, arch/x86/include/uapi/asm/sigcontext.h). `red_zone` is in the handler's frame, below. */
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

static void stop_here(ucontext_t *context)
{
    uintptr_t red_zone[TRACER_RED_ZONE / 8];
    os_frame_t frame = frame_of(context, red_zone);
    __atomic_load_n(&stop_calls->stop, __ATOMIC_ACQUIRE)(&frame);
    __asm__ volatile("" : : "r"(red_zone) : "memory");
}

/* What was sent to the thread goes to the thread. Only the first thread may send what says that another
 * process has sent it, so the others send it as their own. */
static void send_again(int number, siginfo_t *info)
{
    int process = getpid();
    if (info->si_code == SI_TKILL)
        syscall(SYS_tgkill, process, syscall(SYS_gettid), number);
    else if (syscall(SYS_rt_sigqueueinfo, process, number, info) != 0)
        syscall(SYS_kill, process, number);
}

/* A stop that is under way may have sent the signal that is about to be blocked. It ends in stop_here, and
 * what it sent is dropped; so is the same signal of the program's, which counts once while it is pending. */
static bool swap(int number, siginfo_t *info, ucontext_t *context)
{
    uint64_t *blocked = (uint64_t *)(void *)&context->uc_sigmask, one = OS_SIGNAL(number);
    const struct timespec none = {0};
    int saved = errno;
    if (!stop_calls->swap(number, *blocked))
        return false;
    stop_here(context);
    syscall(SYS_rt_sigtimedwait, &one, NULL, &none, sizeof one);
    send_again(number, info);
    *blocked = (*blocked | one) & ~OS_SIGNAL(os_other_stop_signal(number));
    errno = saved;
    return true;
}

static void handle_stop(int number, siginfo_t *info, void *context)
{
    enum os_sender sender = os_sender_of(info);
    if (sender != OS_NOT_SENT)
        stop_here(context);
    if (sender == OS_PERHAPS_SENT || (sender == OS_NOT_SENT && !swap(number, info, context)))
        hand_on(number, info, context);
}

/* --- its installation --- */

/* The C library's function, not ours (swap/mask.c), which hides the handler. ThreadSanitizer has to see the
 * call. */
static int kernel_action(int number, const struct sigaction *action, struct sigaction *old)
{
#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
    int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
    return __sigaction(number, action, old);
#else
    return sigaction(number, action, old);
#endif
}

static bool is_handle_stop(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO && action->sa_sigaction == handle_stop;
}

void os_on_stop_signal(int number, const os_stop_calls_t *calls)
{
    struct sigaction found;
    kernel_action(number, NULL, &found);
    if (is_handle_stop(&found))
        return;
    stop_calls = calls;
    struct sigaction action = {.sa_sigaction = handle_stop, .sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    kernel_action(number, &action, &found);
    note_program_action(program_of(number), &found);
    program_of(number)->is_replaced = true;
}

bool os_stop_signal_action(int number, const struct sigaction *action, struct sigaction *old)
{
    struct program *program = program_of(number);
    if (!program->is_replaced)
        return false;
    struct sigaction before = program->action;
    if (action)
        note_program_action(program, action);
    if (old)
        *old = before;
    return true;
}

bool os_stop_signal_is_used(void)
{
    return stop_calls != NULL || options.stop == OPTIONS_STOP_SIGNAL;
}

/* A signal that the kernel has no room for counts as sent: the stopping thread sends it again while it
 * waits. */
bool os_signal_thread(int thread, int number)
{
    int saved = errno, process = getpid();
    siginfo_t info = {.si_signo = number, .si_code = SI_QUEUE};
    info.si_pid = process;
    info.si_uid = getuid();
    info.si_value.sival_ptr = programs;
    bool sent = syscall(SYS_rt_tgsigqueueinfo, process, thread, number, &info) == 0 || errno != ESRCH;
    errno = saved;
    return sent;
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

/* The file is "1234 (name) Z ...": the name may contain anything, so the last parenthesis counts. If it
 * cannot be read, the kernel has forgotten the thread or there is no /proc. */
bool os_thread_has_ended(int thread)
{
    char content[512];
    if (!read_stat_of_thread(thread, "stat", content, sizeof content))
        return !is_there(thread);
    const char *end = strrchr(content, ')');
    return end && end[1] && (end[2] == 'Z' || end[2] == 'X');
}

/* SigBlk:\t0000000000000000 */
uint64_t os_thread_blocked_signals(int thread)
{
    char status[2048];
    if (!read_stat_of_thread(thread, "status", status, sizeof status))
        return 0;
    const char *line = strstr(status, "SigBlk:");
    uint64_t blocked = 0;
    for (const char *c = line ? line + 7 : ""; *c && *c != '\n'; c++)
        if (*c != '\t')
            blocked = blocked << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    return blocked;
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
