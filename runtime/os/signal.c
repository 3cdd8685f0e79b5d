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

/* 1234 (name) Z ...: the name may hold anything, so the last parenthesis counts. */
bool os_thread_is_zombie(int thread)
{
    char path[64], content[512];
    int saved = errno;
    text_t text = text_on(path, sizeof path);
    text_add_str(&text, "/proc/self/task/");
    text_add_i64(&text, thread);
    text_add_str(&text, "/stat");
    bool known = file_read(path, content, sizeof content);
    const char *end = known ? strrchr(content, ')') : NULL;
    errno = saved;
    return end && end[1] && (end[2] == 'Z' || end[2] == 'X');
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
