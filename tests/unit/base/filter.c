/* filter: filter_answer says what the kernel does under a filter of system calls; filter_forbids says which
 * uses a filter forbids. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/base/filter.h"
#include "tests/unit/support.h"

enum { LENGTH = 24, CALLS = 6 };

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

/* A constant that is equal or close to a word of some call. */
static uint32_t draw_constant(void)
{
    static const uint32_t often[] = {0, 1, 2, 8, 31, SYS_getppid, AUDIT_ARCH_X86_64, 0x80000000, UINT32_MAX};
    return often[draw(COUNT(often))];
}

/* Any instruction that the kernel accepts except a return: every program ends alike, with permission or an
 * error. */
static struct sock_filter draw_one(uint32_t left)
{
    static const uint16_t operations[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND,
                                          BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
    static const uint16_t comparisons[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
    uint16_t source = draw(2) ? BPF_K : BPF_X;
    switch (draw(left > 1 ? 11 : 10)) {
    case 0:
    case 1: {
        uint32_t at = 4 * draw(sizeof(struct seccomp_data) / 4);
        bool is_address = at == 8 || at == 12; /* the instruction pointer, which the test does not know */
        return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, is_address ? 0 : at);
    }
    case 2:
        return (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, draw_constant());
    case 3:
        return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, draw_constant());
    case 4:
        return (struct sock_filter)BPF_STMT(draw(2) ? BPF_LD | BPF_W | BPF_LEN : BPF_LDX | BPF_W | BPF_LEN,
                                            0);
    case 5:
        return (struct sock_filter)BPF_STMT(BPF_ST, draw(2));
    case 6:
        return (struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM, draw(2));
    case 7:
        return (struct sock_filter)BPF_STMT(BPF_MISC | (draw(2) ? BPF_TAX : BPF_TXA), 0);
    case 8:
    case 9: {
        uint16_t operation = operations[draw(COUNT(operations))];
        bool shifts = operation == BPF_LSH || operation == BPF_RSH;
        return (struct sock_filter)BPF_STMT(BPF_ALU | operation | (shifts ? BPF_K : source),
                                            shifts ? draw(32) : draw_constant());
    }
    default:
        return (struct sock_filter)BPF_JUMP(BPF_JMP | comparisons[draw(COUNT(comparisons))] | source,
                                            draw_constant(), (uint8_t)draw(left), (uint8_t)draw(left));
    }
}

/* Both scratch words are written first: the kernel rejects a program that may read an unwritten one. */
static void draw_program(struct sock_filter program[LENGTH + 4])
{
    program[0] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
    program[1] = (struct sock_filter)BPF_STMT(BPF_STX, 1);
    for (uint32_t i = 0; i < LENGTH - 4; i++)
        program[2 + i] = draw_one(LENGTH - 5 - i);
    /* The answer: one of 16 errors for getppid, permission for any other call. */
    program[LENGTH - 2] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 15);
    program[LENGTH - 1] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO | 16);
    program[LENGTH] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
    program[LENGTH + 1] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    program[LENGTH + 2] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0);
    program[LENGTH + 3] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, SECCOMP_RET_ALLOW);
}

static const uint64_t arguments[CALLS][6] = {{0},
                                             {1, 2, 8, 31, 0x80000000, UINT32_MAX},
                                             {UINT64_MAX, UINT64_MAX >> 1},
                                             {0x123456789abcdef0u, 1, 1},
                                             {8, 8, 8, 8, 8, 8},
                                             {3}};

/* In a child, whose status tells: 0: the kernel gave the expected answers; 1: it did not; 77: there is no
 * seccomp; 78: the kernel rejected the program. */
static int ask_kernel(const struct sock_fprog *program, const uint32_t expected[CALLS])
{
    pid_t child = fork();
    if (child == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) != 0)
            _exit(errno == EINVAL ? 78 : 77);
        for (int i = 0; i < CALLS; i++) {
            const uint64_t *a = arguments[i];
            long result = syscall(SYS_getppid, a[0], a[1], a[2], a[3], a[4], a[5]);
            if (result != -1 || (uint32_t)errno != (expected[i] & SECCOMP_RET_DATA))
                _exit(1);
        }
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(filter, answers_as_the_kernel_does)
{
    int compared = 0, refused = 0;
    for (state = 1; compared + refused < 300; state += 99) {
        struct sock_filter code[LENGTH + 6];
        draw_program(code);
        /* A program has one way out: what X holds is put back into A. */
        code[LENGTH + 4] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TXA, 0);
        code[LENGTH + 5] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
        struct sock_fprog program = {LENGTH + 6, code};
        uint32_t expected[CALLS];
        for (int i = 0; i < CALLS; i++) {
            struct seccomp_data data = {.nr = SYS_getppid, .arch = AUDIT_ARCH_X86_64};
            memcpy(data.args, arguments[i], sizeof data.args);
            expected[i] = filter_answer(&program, &data);
        }
        int status = ask_kernel(&program, expected);
        if (status == 77) {
            cr_skip_test("no seccomp here");
            return;
        }
        refused += status == 78;
        compared += status == 0;
        cr_assert(status == 0 || status == 78, "filter %d: status %d", compared + refused, status);
    }
    cr_assert_gt(compared, 200);
}

#define ALLOWED(number)                                                                                      \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

Test(filter, leaves_the_uses_of_which_all_calls_are_allowed)
{
    struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD)};
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_filter logs[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG)};
    struct sock_filter few[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                ALLOWED(SYS_membarrier), ALLOWED(SYS_sched_yield), ALLOWED(SYS_ptrace),
                                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)};
    cr_expect_eq(filter_forbids(&(struct sock_fprog){1, none}), FILTER_ALL);
    cr_expect_eq(filter_forbids(&(struct sock_fprog){1, all}), 0);
    cr_expect_eq(filter_forbids(&(struct sock_fprog){1, logs}), 0);
    cr_expect_eq(filter_forbids(&(struct sock_fprog){COUNT(few), few}),
                 FILTER_ALL & ~(FILTER_FENCE | FILTER_YIELD));
    cr_expect_eq(filter_forbids(NULL), FILTER_ALL & ~FILTER_WRITE, "strict");
}

/* A program that the kernel would reject with an error must not crash the check. */
Test(filter, of_a_program_that_cannot_be_read_forbids_everything)
{
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    cr_expect_eq(filter_forbids((const struct sock_fprog *)16), FILTER_ALL);
    cr_expect_eq(filter_forbids(&(struct sock_fprog){1, (struct sock_filter *)16}), FILTER_ALL);
    cr_expect_eq(filter_forbids(&(struct sock_fprog){UINT16_MAX, all}), FILTER_ALL);
    cr_expect_eq(filter_forbids(&(struct sock_fprog){0, all}), FILTER_ALL);
    struct sock_filter back[] = {BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    cr_expect_eq(filter_forbids(&(struct sock_fprog){COUNT(back), back}), FILTER_ALL, "jumps to itself");
    back[1].k = 1;
    cr_expect_eq(filter_forbids(&(struct sock_fprog){COUNT(back), back}), FILTER_ALL, "jumps over the end");
}

Test(filter, what_was_given_up_is_taken_back_when_it_was_not_installed)
{
    cr_expect(filter_permits(FILTER_ALL));
    uint32_t before = filter_give_up(FILTER_FENCE);
    cr_expect_not(filter_permits(FILTER_FENCE));
    cr_expect(filter_permits(FILTER_ALL & ~FILTER_FENCE));
    cr_expect_eq(filter_give_up(FILTER_PROC), FILTER_FENCE);
    cr_expect_not(filter_permits(FILTER_PROC));
    filter_restore(before);
    cr_expect(filter_permits(FILTER_ALL));
}
