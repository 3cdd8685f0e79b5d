/* inject [-p PLACE -c CALL -e ERROR -m once|always] LIBRARY PROGRAM [ARGUMENT...]: makes one system call of the library
 * fail, in a program that runs on it; without a place, prints the places there are.
 *
 * A place is a return address in the library: each call of a wrapper of the C library's, mmap or syscall, is
 * one. The program and its children are traced, and a filter stops them at the calls that are of interest. If
 * the wrapper of a call returns into the library's code, the tracer cancels the call and replaces its result
 * by the error. So the library is tested as it is built.
 *
 *     place 2a3f1 call 9 times 12      each place: offset in the library, number of the call, how often it
 *                                      was reached
 *
 * The status is that of the program; 124: it hung. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { EXIT_NO_TRACE = 77, EXIT_HUNG = 124 };

/* Not futex: where that fails, the C library itself ends the program. */
static const int traced[] = {SYS_mmap,
                             SYS_munmap,
                             SYS_mprotect,
                             SYS_mremap,
                             SYS_madvise,
                             SYS_brk,
                             SYS_membarrier,
                             SYS_openat,
                             SYS_read,
                             SYS_pread64,
                             SYS_close,
                             SYS_ioctl,
                             SYS_userfaultfd,
                             SYS_prlimit64,
                             SYS_mincore,
                             SYS_sysinfo,
                             SYS_sched_getaffinity,
                             SYS_tgkill,
                             SYS_sched_yield,
                             SYS_rt_sigaction,
                             SYS_rt_sigprocmask};
enum { TRACED = sizeof traced / sizeof traced[0] };

static const char *library;
static struct {
    unsigned long offset;
    int call;
    unsigned long times;
} places[1000];
static int place_count;

static unsigned long fail_place;
static int fail_call, fail_error, fail_always, failed;

/* --- whose call is it? --- */

/* The library's code; looked up when a call comes from outside of what is known. */
static struct {
    unsigned long from, to;
} code;

static void find_code(pid_t process)
{
    char path[64], line[4400], *name;
    snprintf(path, sizeof path, "/proc/%d/maps", process);
    FILE *file = fopen(path, "r");
    code.from = code.to = 0;
    while (file && fgets(line, sizeof line, file)) {
        unsigned long from, to, offset;
        char access[8];
        if (sscanf(line, "%lx-%lx %7s %lx", &from, &to, access, &offset) != 4 || !(name = strchr(line, '/')))
            continue;
        name[strcspn(name, "\n")] = 0;
        if (strcmp(name, library) == 0 && strchr(access, 'x')) {
            code.from = from - offset;
            code.to = to;
        }
    }
    if (file)
        fclose(file);
}

/* The return address of the wrapper, as an offset in the library (mremap's wrapper has a frame); 0: it lies
 * elsewhere. */
static unsigned long place_of(pid_t thread, const struct user_regs_struct *registers)
{
    unsigned frame = registers->orig_rax == SYS_mremap ? 0x58 : 0;
    unsigned long word = (unsigned long)ptrace(PTRACE_PEEKDATA, thread, registers->rsp + frame, NULL);
    if (word < code.from || word >= code.to)
        find_code(thread);
    return word >= code.from && word < code.to ? word - code.from : 0;
}

static void count_place(unsigned long offset, int call)
{
    int i = 0;
    while (i < place_count && (places[i].offset != offset || places[i].call != call))
        i++;
    CHECK(i < 1000);
    if (i == place_count)
        place_count++;
    places[i].offset = offset;
    places[i].call = call;
    places[i].times++;
}

/* At the entry of a call: shall it fail? */
static int shall_fail(pid_t thread, struct user_regs_struct *registers)
{
    unsigned long place = place_of(thread, registers);
    if (!place)
        return 0;
    count_place(place, (int)registers->orig_rax);
    return place == fail_place && (int)registers->orig_rax == fail_call && (fail_always || !failed);
}

/* --- tracing --- */

/* The filter stops the program at `count` of the calls, and at no other. */
static int set_filter(const int *calls, int count)
{
    struct sock_filter filter[TRACED + 3];
    struct sock_fprog program = {(unsigned short)(count + 3), filter};
    filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < count; i++)
        filter[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], count - i, 0);
    filter[count + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[count + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void trace_me(char **argv)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(EXIT_NO_TRACE);
    raise(SIGSTOP);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        set_filter(fail_place ? &fail_call : traced, fail_place ? 1 : TRACED) != 0)
        _exit(EXIT_NO_TRACE);
    setenv("LD_PRELOAD", library, 1);
    execv(argv[0], argv);
    _exit(127);
}

static void at_call(pid_t thread)
{
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, thread, NULL, &registers) != 0)
        return;
    if (shall_fail(thread, &registers)) {
        failed = 1;
        registers.orig_rax = (unsigned long)-1; /* no call; its result is what stands here */
        registers.rax = (unsigned long)-fail_error;
        ptrace(PTRACE_SETREGS, thread, NULL, &registers);
    }
}

/* Handle a stop of a thread. Returns the signal that the thread is to get. */
static int at_stop(pid_t thread, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    if (event == PTRACE_EVENT_SECCOMP)
        at_call(thread);
    if (event == PTRACE_EVENT_EXEC)
        code.from = 0;
    if (event || signal == SIGTRAP)
        return 0;
    return signal == SIGSTOP ? 0 : signal;
}

static int trace(pid_t first)
{
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    int status, result = EXIT_NO_TRACE;
    if (waitpid(first, &status, 0) != first || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, first, NULL, options) != 0)
        return EXIT_NO_TRACE;
    ptrace(PTRACE_CONT, first, NULL, NULL);
    for (;;) {
        pid_t thread = waitpid(-1, &status, __WALL);
        if (thread < 0 && errno == EINTR)
            return EXIT_HUNG;
        if (thread < 0)
            return result;
        if (WIFSTOPPED(status))
            ptrace(PTRACE_CONT, thread, NULL, (long)at_stop(thread, status));
        else if (thread == first)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

static void ignore(int signal)
{
    (void)signal;
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "+p:c:e:m:")) >= 0) {
        if (option == 'p')
            fail_place = strtoul(optarg, NULL, 16);
        if (option == 'c')
            fail_call = atoi(optarg);
        if (option == 'e')
            fail_error = atoi(optarg);
        if (option == 'm')
            fail_always = strcmp(optarg, "always") == 0;
    }
    CHECK(argc - optind >= 2);
    library = realpath(argv[optind], NULL);
    CHECK(library != NULL);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = ignore}, NULL);
    alarm(HANG);
    pid_t first = fork();
    if (first == 0)
        trace_me(argv + optind + 1);
    int result = trace(first);
    for (int i = 0; !fail_place && i < place_count; i++)
        printf("place %lx call %d times %lu\n", places[i].offset, places[i].call, places[i].times);
    if (fail_place && !failed && result == 0)
        printf("not come by\n");
    return result;
}
