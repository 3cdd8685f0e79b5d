/* claim: addresses without a mapping, the pieces that are mapped, and the reservation where addresses cannot
 * be claimed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stddef.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "runtime/os/claim.h"
#include "runtime/os/os.h"
#include "tests/unit/support.h"

static size_t mappings_between(uintptr_t low, uintptr_t high)
{
    FILE *file = fopen("/proc/self/maps", "r");
    cr_assert_not_null(file);
    size_t count = 0;
    uintptr_t from, to;
    char line[512];
    while (fgets(line, sizeof line, file))
        count += sscanf(line, "%lx-%lx ", &from, &to) == 2 && from < high && to > low;
    fclose(file);
    return count;
}

static char *claimed(size_t size, size_t alignment)
{
    char *start = claim(size, alignment);
    cr_assert_not_null(start);
    cr_assert_eq((uintptr_t)start % alignment, 0);
    return start;
}

Test(claim, costs_no_mapping)
{
    char *start = claimed((size_t)1 << 40, MIB(4));
    if (!claim_is_reserved(start))
        cr_expect_eq(mappings_between((uintptr_t)start, (uintptr_t)start + ((size_t)1 << 40)), 0);
}

Test(claim, pieces_are_zero_and_join)
{
    char *start = claimed((size_t)1 << 30, OS_PAGE);
    for (size_t i = 0; i < 100; i++) {
        cr_assert(claim_map(start + i * KIB(64), KIB(64)));
        cr_assert(is_zero(start + i * KIB(64), KIB(64)));
        memset(start + i * KIB(64), 1, KIB(64));
    }
    if (!claim_is_reserved(start))
        cr_expect_eq(mappings_between((uintptr_t)start, (uintptr_t)start + ((size_t)1 << 30)), 1);
}

Test(claim, what_is_unmapped_is_free_again)
{
    char *start = claimed(MIB(64), OS_PAGE);
    for (int i = 0; i < 10; i++) {
        cr_assert(claim_is_free(start, MIB(4)));
        cr_assert(claim_map(start, MIB(4)));
        cr_expect(claim_is_reserved(start) || !claim_is_free(start, MIB(4)));
        cr_assert(is_zero(start, MIB(4)));
        memset(start, 1, MIB(4));
        cr_assert(claim_unmap(start, MIB(4)));
        cr_expect_neq(madvise(start, OS_PAGE, MADV_POPULATE_WRITE), 0, "inaccessible");
    }
}

Test(claim, claims_do_not_overlap)
{
    enum { MANY = 100 };
    char *starts[MANY];
    for (size_t i = 0; i < MANY; i++)
        starts[i] = claimed(MIB(1) * (i + 1), (size_t)OS_PAGE << i % 12);
    for (size_t i = 0; i < MANY; i++)
        for (size_t k = 0; k < MANY; k++)
            cr_assert(i == k || starts[i] + MIB(1) * (i + 1) <= starts[k] ||
                      starts[k] + MIB(1) * (k + 1) <= starts[i]);
}

Test(claim, who_is_there_is_left_alone)
{
    char *start = claimed(MIB(64), OS_PAGE);
    if (claim_is_reserved(start))
        cr_skip_test("reserved");
    char *taken = start + MIB(1);
    cr_assert_eq(mmap(taken, OS_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                 taken);
    *taken = 1;
    cr_expect_not(claim_map(start, MIB(2)));
    cr_expect_eq(errno, EEXIST);
    cr_expect_not(claim_is_free(start, MIB(2)));
    cr_expect_eq(errno, EEXIST);
    cr_expect_eq(*taken, 1);
}

/* Have mmap with MAP_FIXED_NOREPLACE fail with this error, as a kernel or a sandbox may: the claim is then a
 * reservation. */
static void refuse_claims(unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x100000, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT(filter), filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        cr_skip_test("no seccomp");
}

static void check_reserved(unsigned error)
{
    refuse_claims(error);
    char *start = claimed(MIB(64), MIB(4));
    cr_expect(claim_is_reserved(start));
    cr_assert(claim_map(start, KIB(64)));
    cr_assert(is_zero(start, KIB(64)));
    cr_assert(claim_is_free(start + MIB(4), MIB(4)));
    cr_assert(claim_map(start + MIB(4), MIB(4)));
    memset(start + MIB(4), 1, MIB(4));
    char *p = heap_malloc(MIB(100));
    cr_assert_not_null(p);
    memset(p, 1, MIB(100));
    heap_free(p);
}

Test(claim, refused_as_unknown)
{
    check_reserved(EINVAL);
}

Test(claim, refused_as_forbidden)
{
    check_reserved(EPERM);
}

Test(claim, refused_as_taken)
{
    check_reserved(EEXIST);
}
