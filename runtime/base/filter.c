/* filter: see filter.h. An interpreter of the part of classic BPF that seccomp allows in filters
 * (kernel/seccomp.c, seccomp_check_filter): loads of words of struct seccomp_data, 16 words of scratch
 * memory, jumps forwards. */
#include "runtime/base/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { ARCHITECTURE = AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { ARCHITECTURE = AUDIT_ARCH_AARCH64 };
#else
enum { ARCHITECTURE = 0 };
#endif

static _Atomic uint32_t given_up;

bool filter_permits(uint32_t uses)
{
    return (atomic_load_explicit(&given_up, memory_order_relaxed) & uses) == 0;
}

uint32_t filter_give_up(uint32_t uses)
{
    return atomic_fetch_or(&given_up, uses);
}

void filter_restore(uint32_t before)
{
    atomic_store(&given_up, before);
}

/* --- the machine --- */

enum { KILLED = SECCOMP_RET_KILL_PROCESS };

static uint32_t load_filter(const struct seccomp_data *data, uint32_t at)
{
    uint32_t word = 0;
    if (at % sizeof word == 0 && at <= sizeof *data - sizeof word)
        memcpy(&word, (const char *)data + at, sizeof word);
    return word;
}

static uint32_t calculate(uint16_t operation, uint32_t a, uint32_t b)
{
    switch (operation) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV:
        return b ? a / b : 0;
    case BPF_OR:
        return a | b;
    case BPF_AND:
        return a & b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH:
        return b < 32 ? a << b : 0;
    case BPF_RSH:
        return b < 32 ? a >> b : 0;
    default:
        return -a; /* BPF_NEG */
    }
}

static bool is_so(uint16_t comparison, uint32_t a, uint32_t b)
{
    switch (comparison) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    default:
        return (a & b) != 0; /* BPF_JSET */
    }
}

/* A program that ends without an answer counts as KILLED; the kernel refuses to install it. */
uint32_t filter_answer(const struct sock_fprog *program, const struct seccomp_data *data)
{
    const struct sock_filter *code = program->filter;
    uint32_t length = program->len;
    uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = {0};
    for (uint32_t at = 0; at < length; at++) {
        const struct sock_filter *one = &code[at];
        uint32_t operand = BPF_SRC(one->code) == BPF_X ? x : one->k;
        uint32_t *cell = &memory[one->k % BPF_MEMWORDS];
        switch (BPF_CLASS(one->code)) {
        case BPF_LD:
        case BPF_LDX: {
            uint32_t *to = BPF_CLASS(one->code) == BPF_LD ? &a : &x;
            uint16_t mode = BPF_MODE(one->code);
            *to = mode == BPF_ABS   ? load_filter(data, one->k)
                  : mode == BPF_LEN ? (uint32_t)sizeof *data
                  : mode == BPF_MEM ? *cell
                                    : one->k;
            break;
        }
        case BPF_ST:
            *cell = a;
            break;
        case BPF_STX:
            *cell = x;
            break;
        case BPF_ALU:
            a = calculate(BPF_OP(one->code), a, operand);
            break;
        case BPF_JMP: {
            uint32_t over = BPF_OP(one->code) == BPF_JA            ? one->k
                            : is_so(BPF_OP(one->code), a, operand) ? one->jt
                                                                   : one->jf;
            if (over >= length - at) /* the kernel will refuse the filter */
                return KILLED;
            at += over;
            break;
        }
        case BPF_RET:
            return BPF_RVAL(one->code) == BPF_A ? a : one->k;
        default: /* BPF_MISC */
            if (BPF_MISCOP(one->code) == BPF_TAX)
                x = a;
            else
                a = x;
        }
    }
    return KILLED;
}

/* --- the calls --- */

/* How the execution trace opens its file (observe/trace_file.c). */
#define TRACE_FLAGS (O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define PAGEMAP_SCAN_REQUEST 0xc0606610 /* process/pagemap.h */

/* Each call with the arguments that a filter may look at. Addresses and descriptors differ from call to call:
 * 0 stands for an address, 3 (or 0) for a descriptor. */
static const struct call {
    uint32_t uses;
    int number;
    uint64_t arguments[6];
} calls[] = {
    {FILTER_PROC | FILTER_TRACE | FILTER_SIGNAL, SYS_openat, {(uint32_t)AT_FDCWD, 0, O_RDONLY | O_CLOEXEC}},
    {FILTER_PROC | FILTER_TRACE | FILTER_SIGNAL, SYS_pread64, {3, 0, 4096}},
    {FILTER_TRACE, SYS_read, {3, 0, 4096}},
    {FILTER_PROC | FILTER_TRACE | FILTER_SIGNAL, SYS_close, {3}},
    {FILTER_PROC, SYS_ioctl, {3, PAGEMAP_SCAN_REQUEST}},
    {FILTER_PROC | FILTER_TRACE | FILTER_SIGNAL | FILTER_COPY, SYS_getpid, {0}},
    {FILTER_PROC, SYS_gettid, {0}},
    {FILTER_PROC, SYS_sched_getaffinity, {0, 128}},
    {FILTER_PROC | FILTER_DIRTY, SYS_fcntl, {3, F_DUPFD_CLOEXEC}},
    {FILTER_TRACE, SYS_clone, {CLONE_VM | CLONE_FILES | CLONE_UNTRACED}},
    {FILTER_TRACE, SYS_prctl, {1 /* PR_SET_PDEATHSIG */, SIGKILL}},
    {FILTER_TRACE, SYS_prctl, {0x59616d61 /* PR_SET_PTRACER */}},
    {FILTER_TRACE, SYS_ptrace, {PTRACE_SEIZE}},
    {FILTER_TRACE, SYS_ptrace, {PTRACE_INTERRUPT}},
    {FILTER_TRACE, SYS_ptrace, {PTRACE_GETREGSET}},
    {FILTER_TRACE, SYS_ptrace, {PTRACE_SETREGSET}},
    {FILTER_TRACE, SYS_ptrace, {PTRACE_DETACH}},
    {FILTER_TRACE, SYS_waitid, {1 /* P_PID */}},
    {FILTER_TRACE, SYS_wait4, {0, 0, 0x40000000 /* __WALL */}},
    {FILTER_TRACE, SYS_getppid, {0}},
    {FILTER_TRACE, SYS_kill, {0, SIGKILL}},
    {FILTER_TRACE, SYS_exit, {0}},
    {FILTER_TRACE, SYS_newfstatat, {(uint32_t)AT_FDCWD}},
    {FILTER_TRACE, SYS_rt_sigtimedwait, {0, 0, 0, 8}},
    {FILTER_TRACE | FILTER_SIGNAL, SYS_process_vm_readv, {0, 0, 1, 0, 1}},
    {FILTER_TRACE, SYS_process_vm_writev, {0, 0, 1, 0, 1}},
    {FILTER_TRACE, SYS_getsockopt, {3, SOL_SOCKET, SO_RCVTIMEO}},
    {FILTER_TRACE | FILTER_SIGNAL | FILTER_THREADS, SYS_rt_sigprocmask, {SIG_SETMASK, 0, 0, 8}},
    {FILTER_TRACE | FILTER_SIGNAL, SYS_rt_sigaction, {SIGURG, 0, 0, 8}},
    {FILTER_SIGNAL, SYS_rt_sigaction, {SIGWINCH, 0, 0, 8}},
    {FILTER_TRACE, SYS_restart_syscall, {0}}, /* the kernel's way back into a call with a timeout */
    {FILTER_TRACE | FILTER_SIGNAL, SYS_tgkill, {0}},
    {FILTER_SIGNAL, SYS_rt_tgsigqueueinfo, {0, 0, SIGURG}},
    {FILTER_SIGNAL, SYS_rt_tgsigqueueinfo, {0, 0, SIGWINCH}},
    {FILTER_SIGNAL, SYS_rt_sigpending, {0, 8}},
    {FILTER_SIGNAL, SYS_gettid, {0}},
    {FILTER_SIGNAL, SYS_rt_sigreturn, {0}},
    {FILTER_SIGNAL, SYS_getuid, {0}},
    {FILTER_THREADS, SYS_clone3, {0, 88}},
    {FILTER_THREADS, SYS_set_robust_list, {0, 24}},
    {FILTER_THREADS, SYS_rseq, {0, 32}},
    {FILTER_THREADS, SYS_rt_sigaction, {33 /* SIGSETXID */, 0, 0, 8}}, /* the first time */
    {FILTER_FENCE, SYS_membarrier, {MEMBARRIER_CMD_PRIVATE_EXPEDITED}},
    {FILTER_COPY, SYS_process_vm_readv, {0, 0, 1, 0, 1}},
    {FILTER_YIELD, SYS_sched_yield, {0}},
    {FILTER_PAGES, SYS_mincore, {0, 4096}},
    {FILTER_WRITE, SYS_write, {STDERR_FILENO}},
    {FILTER_FILES, SYS_openat, {(uint32_t)AT_FDCWD, 0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666}},
    {FILTER_FILES | FILTER_GROWING | FILTER_APPEND, SYS_write, {3, 0, 4096}},
    {FILTER_FILES | FILTER_GROWING | FILTER_APPEND | FILTER_DIRTY, SYS_close, {3}},
    {FILTER_GROWING, SYS_openat, {(uint32_t)AT_FDCWD, 0, TRACE_FLAGS, 0666}}, /* in a child of fork */
    {FILTER_GROWING | FILTER_APPEND, SYS_flock, {3, LOCK_EX}},
    {FILTER_GROWING | FILTER_REPORT | FILTER_DIRTY, SYS_newfstatat, {3, 0, 0, 0x1000 /* AT_EMPTY_PATH */}},
    {FILTER_GROWING, SYS_prlimit64, {0, RLIMIT_FSIZE}},
    {FILTER_GROWING, SYS_ftruncate, {3}},
    {FILTER_GROWING | FILTER_REPORT, SYS_getpid, {0}},
    {FILTER_FILES, SYS_renameat, {(uint32_t)AT_FDCWD, 0, (uint32_t)AT_FDCWD}},
    {FILTER_FILES, SYS_unlinkat, {(uint32_t)AT_FDCWD}},
    {FILTER_FILES, SYS_fcntl, {0, F_DUPFD_CLOEXEC, 3}},
    {FILTER_FILES, SYS_getpid, {0}},
    {FILTER_FILES, SYS_rt_sigprocmask, {SIG_SETMASK, 0, 0, 8}},
    {FILTER_FILES, SYS_rt_sigtimedwait, {0, 0, 0, 8}},
    {FILTER_APPEND, SYS_openat, {(uint32_t)AT_FDCWD, 0, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600}},
    {FILTER_DIRTY, SYS_userfaultfd, {O_CLOEXEC | O_NONBLOCK | 1 /* UFFD_USER_MODE_ONLY */}},
    {FILTER_DIRTY, SYS_ioctl, {3, UFFDIO_API}},
    {FILTER_DIRTY, SYS_ioctl, {3, UFFDIO_REGISTER}},
    {FILTER_DIRTY, SYS_ioctl, {3, UFFDIO_UNREGISTER}},
    {FILTER_DIRTY, SYS_ioctl, {3, PAGEMAP_SCAN_REQUEST}},
    {FILTER_DIRTY, SYS_openat, {(uint32_t)AT_FDCWD, 0, O_RDONLY | O_CLOEXEC}},
};

/* written.c has a fallback for a PAGEMAP_SCAN that fails, so a filter that answers it with an error counts as
 * letting it through. */
static bool lets_through(const struct sock_fprog *program, const struct call *call)
{
    struct seccomp_data data = {.nr = call->number, .arch = (uint32_t)ARCHITECTURE};
    for (int i = 0; i < 6; i++)
        data.args[i] = call->arguments[i];
    uint32_t answer = filter_answer(program, &data) & SECCOMP_RET_ACTION_FULL;
    return answer == SECCOMP_RET_ALLOW || answer == SECCOMP_RET_LOG ||
           (call->number == SYS_ioctl && call->uses == FILTER_PROC && answer == SECCOMP_RET_ERRNO);
}

/* The program's pointer may be invalid. So the memory is read by a system call first, which returns an error
 * where a load would fault. */
static bool is_readable(const void *start, size_t size)
{
    char copy[512];
    for (size_t at = 0; at < size; at += sizeof copy) {
        size_t piece = size - at < sizeof copy ? size - at : sizeof copy;
        struct iovec here = {copy, piece}, there = {(char *)start + at, piece};
        if (syscall(SYS_process_vm_readv, getpid(), &here, 1, &there, 1, 0L) != (long)piece)
            return false;
    }
    return true;
}

static bool is_whole_filter(const struct sock_fprog *program)
{
    return filter_permits(FILTER_COPY) && is_readable(program, sizeof *program) && program->len > 0 &&
           program->len <= BPF_MAXINSNS &&
           is_readable(program->filter, program->len * sizeof program->filter[0]);
}

uint32_t filter_forbids(const struct sock_fprog *program)
{
    int saved = errno;
    uint32_t forbidden = 0;
    bool known = program && is_whole_filter(program);
    errno = saved;
    if (!known)
        return program ? FILTER_ALL : FILTER_ALL & ~(uint32_t)FILTER_WRITE;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (!lets_through(program, &calls[i]))
            forbidden |= calls[i].uses;
    return forbidden;
}
