/* deny NAME PROGRAM [ARGUMENT...]: runs a program in which the system call NAME fails with EPERM, as in a
 * sandbox whose seccomp filter does not know it. `noreplace` is mmap with MAP_FIXED_NOREPLACE alone. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "check.h"

enum { EXIT_NO_SECCOMP = 77, NOREPLACE = 0x100000 };

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    {"madvise", SYS_madvise}, {"mremap", SYS_mremap}, {"membarrier", SYS_membarrier},
    {"mincore", SYS_mincore}, {"ioctl", SYS_ioctl},   {"noreplace", SYS_mmap},
    {"ptrace", SYS_ptrace},   {"clone", SYS_clone},
};

int main(int argc, char **argv)
{
    CHECK(argc > 2);
    unsigned denied = 0;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (strcmp(argv[1], calls[i].name) == 0)
            denied = calls[i].number;
    CHECK(denied != 0);
    struct sock_filter always = BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 1);
    struct sock_filter noreplace = BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NOREPLACE, 0, 1);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, denied, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
        denied == SYS_mmap ? noreplace : always,
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("deny: seccomp");
        return EXIT_NO_SECCOMP;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
