/* tracer_task: see tracer_task.h. ptrace(2) tells of PTRACE_SEIZE and of the stops. */
#include "runtime/stop/tracer_task.h"

#ifdef __x86_64__

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "runtime/base/text.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"

#define CALL1(number, a) tracer_call(number, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(number, a, b) tracer_call(number, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL4(number, a, b, c, d) tracer_call(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

enum { GENERAL = sizeof(struct user_regs_struct) / 8, RED_ZONE = TRACER_RED_ZONE / 8 };

static long trace(long request, int thread, long address, const void *data)
{
    return CALL4(SYS_ptrace, request, thread, address, data);
}

/* --- one thread --- */

/* The page of the stack pointer is mapped. If the red zone reaches into the page below, which may not be
 * mapped, the kernel copies it. */
void tracer_copy_red_zone(uintptr_t stack, uintptr_t words[TRACER_RED_ZONE / 8])
{
    uintptr_t from = (stack - TRACER_RED_ZONE) & ~(uintptr_t)7;
    struct iovec to = {words, TRACER_RED_ZONE}, there = {(void *)from, TRACER_RED_ZONE};
    bool is_there = stack % OS_PAGE >= TRACER_RED_ZONE + 8;
    for (size_t i = 0; i < RED_ZONE; i++) /* not by memcpy: AddressSanitizer would report it */
        words[i] = is_there ? ((const volatile uintptr_t *)from)[i] : 0;
    if (!is_there)
        tracer_call(SYS_process_vm_readv, CALL1(SYS_getpid, 0), (long)&to, 1, (long)&there, 1, 0);
}

/* The signal to deliver when the thread goes on: its signal-delivery-stop has dequeued it. `status`: the
 * signal, and the event in the bits above it. */
static long signal_of(int status)
{
    return status >> 8 == PTRACE_EVENT_STOP ? 0 : status;
}

static void let_go(tracer_thread_t *thread, int status, enum tracer_state state)
{
    trace(PTRACE_DETACH, thread->thread, 0, (const void *)signal_of(status));
    thread->state = state;
}

/* Keep the thread stopped, but let it take part in a stop of the whole process (SIGSTOP, ^Z). Otherwise the
 * parent of the process would hear of such a stop only when the task lets the threads go, and a stopped
 * process cannot tell the task to do so. After such a stop the thread has to be asked again. The kernel
 * refuses PTRACE_LISTEN for a thread that was about to get a signal, and for one that listens already. */
static void have_listen(const tracer_thread_t *thread)
{
    trace(PTRACE_LISTEN, thread->thread, 0, NULL);
}

static void note_vectors(tracer_thread_t *thread)
{
    struct iovec vectors = {.iov_base = thread->registers + GENERAL + RED_ZONE,
                            .iov_len = (TRACER_WORDS - GENERAL - RED_ZONE) * 8};
    long error = trace(PTRACE_GETREGSET, thread->thread, NT_X86_XSTATE, &vectors);
    if (error)
        error = trace(PTRACE_GETREGSET, thread->thread, NT_FPREGSET, &vectors);
    thread->words = GENERAL + RED_ZONE + (error ? 0 : vectors.iov_len / 8);
}

/* If the thread pointer is another one, the number belongs to another thread by now, and the thread that is
 * meant is gone. A thread in a section that may not be interrupted (`judge`) goes on. */
static void hold_thread(const tracer_order_t *order, tracer_thread_t *thread, int status)
{
    struct user_regs_struct registers;
    struct iovec general = {.iov_base = &registers, .iov_len = sizeof registers};
    if (trace(PTRACE_GETREGSET, thread->thread, NT_PRSTATUS, &general)) {
        thread->state = TRACER_GONE;
        return;
    }
    if (registers.fs_base != thread->word) {
        let_go(thread, status, TRACER_GONE);
        return;
    }
    int number = (int)signal_of(status);
    *thread->restarts = tracer_is_restarted(&registers);
    if ((!number || tracer_is_ignored(order, number)) && tracer_begin_again(order, thread, &registers))
        trace(PTRACE_SETREGSET, thread->thread, NT_PRSTATUS, &general);
    enum tracer_state state = order->judge(thread);
    if (state != TRACER_HELD) {
        let_go(thread, status, state);
        return;
    }
    memcpy(thread->registers, &registers, sizeof registers);
    tracer_copy_red_zone(registers.rsp, thread->registers + GENERAL);
    note_vectors(thread);
    tracer_note_rest(order, thread, &registers);
    have_listen(thread);
    thread->stack = registers.rsp;
    thread->state = TRACER_HELD;
}

/* WNOWAIT leaves the stop in place: otherwise the signal that a stop is for would be lost when the task
 * ends. */
static void look(const tracer_order_t *order, tracer_thread_t *thread)
{
    siginfo_t info = {0};
    long error = tracer_call(SYS_waitid, P_PID, thread->thread, (long)&info,
                             WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL, 0, 0);
    if (error == 0 && info.si_pid == 0)
        return;
    if (error == 0 && info.si_code == CLD_TRAPPED)
        hold_thread(order, thread, info.si_status);
    else
        thread->state = TRACER_GONE;
}

/* /proc/<process>/task/<thread>/<file> */
static bool read_of_thread(int process, int thread, const char *file, char *content, size_t size)
{
    char path[64];
    text_t text = text_on(path, sizeof path);
    text_add_str(&text, "/proc/");
    text_add_u64(&text, (uint64_t)process);
    text_add_str(&text, "/task/");
    text_add_u64(&text, (uint64_t)thread);
    text_add_char(&text, '/');
    text_add_str(&text, file);
    long fd = CALL4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    long got = CALL4(SYS_read, fd, content, size - 1, 0);
    CALL1(SYS_close, fd);
    content[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* State D: the thread waits in the kernel, and no signal can interrupt it. */
static bool is_uninterruptible(int process, int thread)
{
    char content[512];
    const char *end =
        read_of_thread(process, thread, "stat", content, sizeof content) ? strrchr(content, ')') : NULL;
    return end && end[1] == ' ' && end[2] == 'D';
}

/* The file is "56 0x4111 ... sp pc": the number of the call that a thread waits in, and its arguments; -1: it
 * waits outside of a call, for a page. False: the thread runs, or is gone. */
static bool read_call(int process, int thread, long *number, unsigned long *argument)
{
    char content[256];
    *number = 0;
    *argument = 0;
    if (!read_of_thread(process, thread, "syscall", content, sizeof content))
        return false;
    const char *c = content;
    bool negative = *c == '-';
    c += negative;
    if (*c < '0' || *c > '9')
        return false;
    for (; *c >= '0' && *c <= '9'; c++)
        *number = 10 * *number + *c - '0';
    *number = negative ? -*number : *number;
    if (c[0] == ' ' && c[1] == '0' && c[2] == 'x')
        for (c += 3; (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'f'); c++)
            *argument = *argument << 4 | (unsigned long)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
    return true;
}

bool tracer_is_parent(int process, int thread)
{
    long number;
    unsigned long argument;
    return read_call(process, thread, &number, &argument) &&
           (number == SYS_vfork || number == SYS_clone || number == SYS_clone3);
}

/* Does the thread wait for the memory map of the process, which another thread is changing or copying? Such a
 * wait is soon over. */
static bool waits_for_memory(int process, int thread)
{
    static const long calls[] = {-1, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk};
    long number;
    unsigned long argument;
    if (!read_call(process, thread, &number, &argument))
        return true;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (number == calls[i])
            return true;
    return number == SYS_clone && !(argument & CLONE_VFORK);
}

/* --- all of them --- */

static void seize(tracer_thread_t *thread)
{
    long error = trace(PTRACE_SEIZE, thread->thread, 0, NULL);
    if (error == 0)
        error = trace(PTRACE_INTERRUPT, thread->thread, 0, NULL);
    if (error)
        thread->state = error == -ESRCH ? TRACER_GONE : TRACER_REFUSED;
}

static const uint64_t CHILD_SIGNAL = (uint64_t)1 << (SIGCHLD - 1);

/* Each change of a thread's state sends SIGCHLD, which `run` has blocked: it is pending until the task waits
 * for it. */
static void wait_for_change(void)
{
    const struct timespec most = {.tv_nsec = 2 * 1000 * 1000};
    CALL4(SYS_rt_sigtimedwait, &CHILD_SIGNAL, NULL, &most, sizeof CHILD_SIGNAL);
}

static void wait_for(const tracer_order_t *order, tracer_thread_t *thread, uint64_t began)
{
    enum { UNINTERRUPTIBLE_NS = 100 * 1000 * 1000 };
    while (thread->state == TRACER_ASKED) {
        look(order, thread);
        if (thread->state != TRACER_ASKED)
            return;
        uint64_t waited = os_now_ns() - began;
        if (atomic_load(thread->vforks) && tracer_is_parent(order->process, thread->thread))
            thread->state = TRACER_PARENT;
        else if (waited > order->timeout_ns ||
                 (waited > UNINTERRUPTIBLE_NS && is_uninterruptible(order->process, thread->thread) &&
                  !waits_for_memory(order->process, thread->thread)))
            thread->state = TRACER_DEAF;
        else
            wait_for_change();
    }
}

/* The first thread is seized last, so that the kernel lets it go first when the task ends. The kernel drops a
 * signal that the process ignores when it is sent, unless the first thread is traced. While the first thread
 * is traced, such a signal may wake any thread, so all others have to be held for that whole time. */
static void seize_all(const tracer_order_t *order)
{
    tracer_thread_t *first = NULL;
    for (size_t i = 0; i < order->count; i++)
        if (order->threads[i].thread == order->process)
            first = &order->threads[i];
        else
            seize(&order->threads[i]);
    if (first)
        seize(first);
}

static void hold_all(const tracer_order_t *order)
{
    seize_all(order);
    for (size_t i = 0; i < order->count; i++)
        if (order->threads[i].state == TRACER_ASKED)
            look(order, &order->threads[i]);
    uint64_t began = os_now_ns();
    for (size_t i = 0; i < order->count; i++)
        wait_for(order, &order->threads[i], began);
}

static void wait_while(tracer_order_t *order, uint32_t stage, const struct timespec *most)
{
    tracer_call(SYS_futex, (long)&order->stage, FUTEX_WAIT_PRIVATE, stage, (long)most, 0, 0);
}

/* The process may be stopped and continued several times, so the threads are asked to listen again and
 * again. */
static void wait_until_released(tracer_order_t *order)
{
    const struct timespec most = {.tv_nsec = 20 * 1000 * 1000};
    while (atomic_load(&order->stage) == TRACER_HAS_HELD) {
        wait_while(order, TRACER_HAS_HELD, &most);
        for (size_t i = 0; i < order->count; i++)
            if (order->threads[i].state == TRACER_HELD && atomic_load(&order->stage) == TRACER_HAS_HELD)
                have_listen(&order->threads[i]);
    }
}

/* The body of the task. When the thread that made it dies, by exec or by a signal to the process, the task
 * dies as well. It has a copy of the program's signal handlers: none of them may run. SIGCHLD must not be
 * ignored, and has to be blocked, since the kernel drops it otherwise; the caller need not have blocked it
 * (os_block_heard_signals). */
__attribute__((used)) static void run(tracer_order_t *order)
{
    const mask_action_t usual = {.handler = SIG_DFL};
    mask_action_t before = usual;
    CALL2(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
    CALL4(SYS_rt_sigprocmask, SIG_BLOCK, &CHILD_SIGNAL, NULL, sizeof CHILD_SIGNAL);
    CALL4(SYS_rt_sigaction, SIGCHLD, &usual, &before, sizeof usual.mask);
    order->hears_of_children = before.handler != SIG_DFL && before.handler != SIG_IGN;
    if (CALL1(SYS_getppid, 0) == order->process) {
        while (atomic_load(&order->stage) == TRACER_TO_WAIT)
            wait_while(order, TRACER_TO_WAIT, NULL);
        hold_all(order);
        uint32_t starts = TRACER_STARTS;
        atomic_compare_exchange_strong(&order->stage, &starts, TRACER_HAS_HELD);
        tracer_call(SYS_futex, (long)&order->stage, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
        wait_until_released(order);
        for (size_t i = 0; i < order->count; i++)
            if (order->threads[i].state == TRACER_HELD)
                tracer_put_rest(order, &order->threads[i]);
    }
    CALL1(SYS_exit, 0);
}

/* Without CLONE_FS: if the task shared the working directory, a setuid program that this process executes
 * would get no privileges. Without a signal at its end: so only a wait for all kinds of children (__WALL)
 * sees it. */
long tracer_task_start(tracer_order_t *order, char *stack_end)
{
    const long flags = CLONE_VM | CLONE_FILES | CLONE_UNTRACED;
    long result;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    register tracer_order_t *r12 __asm__("r12") = order;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r12, %%rdi\n\t"
                     "call %P[run]\n\t"
                     "ud2\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone), "D"(flags), "S"(stack_end), "d"(0), "r"(r10), "r"(r8),
                       "r"(r12), [run] "i"(run)
                     : "rcx", "r11", "memory");
    return result;
}

#else

void tracer_copy_red_zone(uintptr_t stack, uintptr_t words[TRACER_RED_ZONE / 8])
{
    (void)stack; /* there is none */
    for (int i = 0; i < TRACER_RED_ZONE / 8; i++)
        words[i] = 0;
}

bool tracer_is_parent(int process, int thread)
{
    (void)process, (void)thread;
    return false;
}

long tracer_task_start(tracer_order_t *order, char *stack_end)
{
    (void)order, (void)stack_end;
    return -38; /* ENOSYS: signals stop the threads on this machine */
}

#endif
