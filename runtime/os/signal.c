/* signal: see signal.h. */
#include "runtime/os/signal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/os/file.h"
#include "runtime/os/os.h"
#include "runtime/os/text.h"

/* Real-time signals are nobody's by default; the C library uses the lowest, other collectors the next few. */
int os_stop_signal(void)
{
    return SIGRTMAX - 2;
}

static void (*stop_handler)(void);

static void handle_stop(int number)
{
    (void)number;
    stop_handler();
}

void os_on_stop_signal(void (*handler)(void))
{
    if (stop_handler)
        return;
    stop_handler = handler;
    struct sigaction action = {.sa_handler = handle_stop, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(os_stop_signal(), &action, NULL);
}

bool os_signal_thread(int thread)
{
    int saved = errno, error;
    do /* EAGAIN: the queue of signals is full */
        error = syscall(SYS_tgkill, getpid(), thread, os_stop_signal()) == 0 ? 0 : errno;
    while (error == EAGAIN);
    errno = saved;
    return error != ESRCH;
}

void os_mask_without_stop(sigset_t *set)
{
    sigdelset(set, os_stop_signal());
}

/* Past who wraps the calls for masks: they are told that nothing has changed. */
void os_unblock_stop_signal(void)
{
    uint64_t stop = (uint64_t)1 << (os_stop_signal() - 1);
    int saved = errno;
    syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &stop, NULL, sizeof stop);
    errno = saved;
}

/* /proc/self/task/<thread>/<file> */
static bool read_of_thread(int thread, const char *file, char *content, size_t size)
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

/* 1234 (name) Z ...: the name may hold anything, so the last parenthesis counts. */
bool os_thread_is_zombie(int thread)
{
    char content[512];
    bool known = read_of_thread(thread, "stat", content, sizeof content);
    const char *end = known ? strrchr(content, ')') : NULL;
    return end && end[1] && (end[2] == 'Z' || end[2] == 'X');
}

/* SigBlk:\t0000000000000000, bit 0 is signal 1. */
bool os_thread_blocks_signal(int thread)
{
    char status[2048];
    if (!read_of_thread(thread, "status", status, sizeof status))
        return false;
    const char *line = strstr(status, "SigBlk:");
    uint64_t blocked = 0;
    for (const char *c = line ? line + 7 : ""; *c && *c != '\n'; c++)
        if (*c != '\t')
            blocked = blocked << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    return blocked >> (os_stop_signal() - 1) & 1;
}

void os_report_blocked(int thread, uint64_t ns)
{
    char name[32], room[256];
    text_t text = text_on(room, sizeof room);
    text_add_str(&text, "weir: no collection: for ");
    text_add_decimal(&text, ns / 100000000, 1);
    text_add_str(&text, " s thread ");
    text_add_u64(&text, (uint64_t)thread);
    if (read_of_thread(thread, "comm", name, sizeof name)) {
        text_add_char(&text, ' ');
        text_add_quoted(&text, name, strcspn(name, "\n"));
    }
    text_add_str(&text, " has blocked signal ");
    text_add_u64(&text, (uint64_t)os_stop_signal());
    text_add_str(&text, " (SIGRTMAX - 2), which stops it\n");
    text_flush(&text, STDERR_FILENO);
}

int os_thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

bool os_is_first_thread(void)
{
    return os_thread_id() == getpid();
}

/* glibc keeps the record of a thread, and below it the thread-local memory, at the upper end of the stack. */
extern void *__libc_stack_end;
uintptr_t os_stack_end(void)
{
    if (os_is_first_thread())
        return (uintptr_t)__libc_stack_end;
    return (os_thread_word() + OS_THREAD_RECORD + OS_PAGE - 1) & ~(uintptr_t)(OS_PAGE - 1);
}
