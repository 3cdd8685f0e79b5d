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
#include "runtime/stop/tracer_task.h"
#include "runtime/stop/tracer_thread.h"

int os_stop_signal(void)
{
    return SIGURG;
}

static void (*_Atomic stop_handler)(const os_frame_t *frame);
static _Atomic bool is_installed; /* the program's action is `program`, and no longer in the kernel */

/* What the program has for the signal. `calls` is its handler in one word, so that handle_stop never sees
 * half of a change: WITH_INFO tells that it takes three arguments. The rest is only reported. */
static struct {
    _Atomic uintptr_t calls; /* 0: it has none */
    struct sigaction action;
} program;
static const uintptr_t WITH_INFO = (uintptr_t)1 << (8 * sizeof(uintptr_t) - 1);

static void note_program_action(const struct sigaction *action)
{
    uintptr_t calls = 0;
    if (action->sa_flags & SA_SIGINFO)
        calls = (uintptr_t)action->sa_sigaction | WITH_INFO;
    else if (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN)
        calls = (uintptr_t)action->sa_handler;
    program.action = *action;
    program.calls = calls;
}

/* --- the handler --- */

/* When the queue of signals is full, the kernel drops the data of a signal: then its sender is not known. */
static bool has_no_sender(const siginfo_t *info)
{
    return info->si_code == SI_USER && info->si_pid == 0;
}

static bool is_ours(const siginfo_t *info)
{
    return info->si_code == SI_QUEUE && info->si_value.sival_ptr == &program;
}

static void hand_on(int number, siginfo_t *info, void *context)
{
    uintptr_t calls = program.calls;
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

/* --- its installation --- */

/* The C library's function, not ours (swap/mask.c), which hides the handler. ThreadSanitizer has to see the
 * call. */
static int kernel_action(const struct sigaction *action, struct sigaction *old)
{
#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
    int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
    return __sigaction(os_stop_signal(), action, old);
#else
    return sigaction(os_stop_signal(), action, old);
#endif
}

static bool is_handle_stop(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO && action->sa_sigaction == handle_stop;
}

void os_on_stop_signal(void (*handler)(const os_frame_t *frame))
{
    struct sigaction found;
    kernel_action(NULL, &found);
    if (is_handle_stop(&found))
        return;
    stop_handler = handler;
    struct sigaction action = {.sa_sigaction = handle_stop, .sa_flags = SA_RESTART | SA_SIGINFO | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    kernel_action(&action, &found);
    note_program_action(&found);
    is_installed = true;
}

bool os_stop_signal_action(const struct sigaction *action, struct sigaction *old)
{
    if (!is_installed)
        return false;
    struct sigaction before = program.action;
    if (action)
        note_program_action(action);
    if (old)
        *old = before;
    return true;
}

bool os_stop_signal_is_used(void)
{
    return stop_handler != NULL || options.stop == OPTIONS_STOP_SIGNAL;
}

/* A signal that the kernel has no room for counts as sent: the stopping thread sends it again while it
 * waits. */
bool os_signal_thread(int thread)
{
    int saved = errno, process = getpid();
    siginfo_t info = {.si_signo = os_stop_signal(), .si_code = SI_QUEUE};
    info.si_pid = process;
    info.si_uid = getuid();
    info.si_value.sival_ptr = &program;
    bool sent =
        syscall(SYS_rt_tgsigqueueinfo, process, thread, os_stop_signal(), &info) == 0 || errno != ESRCH;
    errno = saved;
    return sent;
}

void os_mask_without_stop(sigset_t *set)
{
    sigdelset(set, os_stop_signal());
}

/* Makes the system call itself, so that interposed wrappers of the mask functions are not called and see no
 * change. */
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
