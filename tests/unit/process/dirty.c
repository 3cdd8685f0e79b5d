/* dirty: which pages were written, by whom, when; against a model; and a kernel that cannot tell. The last
 * test prints what a question costs. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/os/os.h"
#include "runtime/process/dirty.h"
#include "tests/unit/support.h"

enum { PAGES = 3000 };
static char *memory;
static bool said[PAGES];
static uintptr_t last;

static void note(void *context, uintptr_t low, uintptr_t high)
{
    uintptr_t base = (uintptr_t)memory;
    CHECK(context == said && low >= last && low < high && high <= base + PAGES * OS_PAGE);
    for (uintptr_t page = low; page < high; page += OS_PAGE)
        said[(page - base) / OS_PAGE] = true;
    last = high;
}

static size_t ask(void)
{
    size_t count = 0;
    last = 0;
    memset(said, 0, sizeof said);
    errno = 77;
    CHECK(dirty_ask((uintptr_t)memory, (uintptr_t)memory + PAGES * OS_PAGE, note, said) == DIRTY_OK);
    CHECK(errno == 77);
    for (size_t i = 0; i < PAGES; i++)
        count += said[i];
    return count;
}

static void begin(void)
{
    memory = mmap(NULL, PAGES * OS_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 1, PAGES / 2 * OS_PAGE); /* the rest is untouched */
    if (!dirty_is_supported())
        cr_skip_test("this kernel cannot tell (older than 6.7), or this process may not ask");
    cr_assert_eq(dirty_begin((uintptr_t)memory, (uintptr_t)memory + PAGES * OS_PAGE), DIRTY_OK);
}

Test(dirty, what_is_written_is_reported_once, .init = begin)
{
    cr_expect_eq(ask(), 0);
    cr_expect_eq(memory[5 * OS_PAGE], 1, "reading is not writing");
    cr_expect_eq(memory[(PAGES - 5) * OS_PAGE], 0);
    cr_expect_eq(ask(), 0);
    memory[7 * OS_PAGE + 100] = 2;
    memory[(PAGES - 1) * OS_PAGE] = 2;
    cr_expect_eq(ask(), 2);
    cr_expect(said[7] && said[PAGES - 1]);
    cr_expect_eq(ask(), 0);
    memory[7 * OS_PAGE] = 3;
    cr_expect_eq(ask(), 1);
}

Test(dirty, what_the_kernel_writes_is_reported, .init = begin)
{
    int pipes[2];
    cr_assert_eq(pipe(pipes), 0);
    cr_assert_eq(write(pipes[1], "x", 1), 1);
    cr_assert_eq(read(pipes[0], memory + 9 * OS_PAGE, 1), 1);
    cr_expect_eq(ask(), 1);
    cr_expect(said[9]);
    cr_expect_eq(memory[9 * OS_PAGE], 'x');
}

Test(dirty, released_pages_come_back_clean_or_written_but_never_missed, .init = begin)
{
    cr_assert(os_release(memory, PAGES / 2 * OS_PAGE));
    ask();
    memory[3 * OS_PAGE] = 4;
    cr_expect_geq(ask(), 1);
    cr_expect(said[3]);
}

/* As freed memory is, so that a use of it faults; and as it is when it comes back. */
static void map_anew(size_t page, size_t count, int access)
{
    cr_assert_neq(mmap(memory + page * OS_PAGE, count * OS_PAGE, access,
                       MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                  MAP_FAILED);
}

Test(dirty, what_is_mapped_anew_is_reported_and_the_rest_still_watched, .init = begin)
{
    enum { GRAIN = 16 /* pages */ };
    cr_expect_eq(ask(), 0);
    map_anew(500, 3, PROT_NONE);
    map_anew(1000, 300, PROT_READ | PROT_WRITE);
    memory[20 * OS_PAGE] = memory[700 * OS_PAGE] = memory[(PAGES - 1) * OS_PAGE] = 5;
    for (int round = 0; round < 3; round++) {
        size_t count = ask(), others = round == 0 ? 3 : 0;
        cr_expect(said[500] && said[502] && said[1000] && said[1299], "round %d", round);
        cr_expect(said[20] == (round == 0) && said[700] == (round == 0) && said[PAGES - 1] == (round == 0));
        cr_expect(count >= 303 + others && count <= 303 + others + 4 * GRAIN, "%zu", count);
    }
    memory[2000 * OS_PAGE] = 6;
    ask();
    cr_expect(said[2000]);
}

Test(dirty, random_writes_against_a_model, .init = begin)
{
    uint64_t random = 3;
    static bool model[PAGES];
    for (int round = 0; round < 300; round++) {
        memset(model, 0, sizeof model);
        size_t writes = random_below(&random, 1 + random_below(&random, 2000));
        for (size_t i = 0; i < writes; i++) {
            size_t page = random_below(&random, PAGES);
            memory[page * OS_PAGE + random_below(&random, OS_PAGE)]++;
            model[page] = true;
        }
        ask();
        for (size_t i = 0; i < PAGES; i++)
            cr_assert_eq(said[i], model[i], "round %d, page %zu", round, i);
    }
}

/* Each page has a counter; a write that no question reports is a lost one. */
static atomic_bool stop;

static void *write_on(void *argument)
{
    uint64_t random = (uintptr_t)argument;
    while (!stop)
        __atomic_fetch_add((uint64_t *)(void *)(memory + random_below(&random, PAGES) * OS_PAGE), 1,
                           __ATOMIC_RELAXED);
    return NULL;
}

Test(dirty, no_write_is_lost_between_two_questions, .init = begin)
{
    static uint64_t seen[PAGES];
    pthread_t threads[2];
    for (size_t i = 0; i < PAGES; i++)
        seen[i] = *(uint64_t *)(void *)(memory + i * OS_PAGE);
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, write_on, (void *)(i + 1));
    for (int round = 0; round < 200; round++) {
        ask();
        for (size_t i = 0; i < PAGES; i++) /* read after the question, so later writes may be counted too */
            if (said[i])
                seen[i] = __atomic_load_n((uint64_t *)(void *)(memory + i * OS_PAGE), __ATOMIC_RELAXED);
    }
    stop = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ask();
    for (size_t i = 0; i < PAGES; i++) {
        uint64_t now = *(uint64_t *)(void *)(memory + i * OS_PAGE);
        cr_assert(said[i] || seen[i] == now, "page %zu: %lu, %lu", i, seen[i], now);
    }
}

Test(dirty, after_the_end_nothing_is_watched_and_all_is_reported, .init = begin)
{
    cr_expect_eq(ask(), 0);
    dirty_end((uintptr_t)memory, (uintptr_t)memory + PAGES * OS_PAGE);
    cr_expect_eq(ask(), PAGES);
    cr_expect_eq(ask(), PAGES);
}

Test(dirty, a_forked_child_watches_for_itself, .init = begin)
{
    pid_t child = fork();
    if (child == 0) {
        dirty_close();
        memory[2 * OS_PAGE] = 6;
        CHECK(dirty_begin((uintptr_t)memory, (uintptr_t)memory + PAGES * OS_PAGE) == DIRTY_OK);
        memory[4 * OS_PAGE] = 6;
        CHECK(ask() == 1 && said[4]);
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    memory[1 * OS_PAGE] = 7;
    ask(); /* fork write-protects pages: others may be reported too */
    cr_expect(said[1]);
}

/* --- where it is not to be had --- */

static void forbid(int number)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = COUNT(program), .filter = program};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static void check_unsupported(int number)
{
    char *page = mmap(NULL, OS_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t from = (uintptr_t)page;
    forbid(number);
    errno = 77;
    cr_expect_not(dirty_is_supported());
    cr_expect_eq(dirty_begin(from, from + OS_PAGE), DIRTY_UNSUPPORTED);
    cr_expect_eq(dirty_ask(from, from + OS_PAGE, note, said), DIRTY_UNSUPPORTED);
    dirty_end(from, from + OS_PAGE);
    dirty_close();
    cr_expect_eq(errno, 77);
    *page = 1;
}

Test(dirty, no_userfaultfd_is_unsupported)
{
    check_unsupported(SYS_userfaultfd);
}

Test(dirty, no_pagemap_scan_is_unsupported)
{
    check_unsupported(SYS_ioctl);
}

Test(dirty, other_memory_fails, .init = begin)
{
    uintptr_t nowhere = OS_PAGE;
    cr_expect_eq(dirty_begin(nowhere, nowhere + OS_PAGE), DIRTY_FAILED);
}

/* --- what it costs --- */

static size_t counted;

static void count(void *context, uintptr_t low, uintptr_t high)
{
    (void)context;
    counted += (high - low) / OS_PAGE;
}

static double ask_ms(uintptr_t from, size_t size, size_t expected)
{
    uint64_t start = os_now_ns();
    counted = 0;
    cr_assert_eq(dirty_ask(from, from + size, count, NULL), DIRTY_OK);
    cr_expect_eq(counted, expected, "%zu", counted);
    return (double)(os_now_ns() - start) / 1e6;
}

Test(dirty, a_gibibyte, .disabled = SANITIZED)
{
    const size_t size = MIB(1024), pages = size / OS_PAGE;
    if (!dirty_is_supported())
        cr_skip_test("this kernel cannot tell");
    char *large = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uintptr_t from = (uintptr_t)large;
    madvise(large, size, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < pages; i++)
        large[i * OS_PAGE] = 1;
    uint64_t start = os_now_ns();
    cr_assert_eq(dirty_begin(from, from + size), DIRTY_OK);
    double begin_ms = (double)(os_now_ns() - start) / 1e6;
    double none_ms = ask_ms(from, size, 0);
    start = os_now_ns();
    for (size_t i = 0; i < pages; i += 64)
        large[i * OS_PAGE] = 2;
    double write_us = (double)(os_now_ns() - start) / 1e3 / (double)(pages / 64);
    double some_ms = ask_ms(from, size, pages / 64);
    for (size_t i = 0; i < pages; i++)
        large[i * OS_PAGE] = 3;
    double all_ms = ask_ms(from, size, pages);
    printf("1 GiB: begin %.2f ms; ask %.2f ms (no page written), %.2f ms (one in 64), %.2f ms (all); "
           "first write to a page %.2f us\n",
           begin_ms, none_ms, some_ms, all_ms, write_us);
}
