/* Memory that is refused late, when the program has already begun and the kernel says no for the first time:
 *
 *     late mappings         the process has used up its mappings
 *     late addresses        it has used up its addresses (run under a limit)
 *     late rlimit           it limits its addresses itself to what it has
 *     late seccomp          it allows itself what a C library's malloc calls (mmap, munmap, mprotect, mremap,
 *                           madvise, brk, futex), write and exit, and is killed at any other call
 *     late fault            a fault injector makes a call fail (inject.c): memory may be refused for ever
 *
 * Every entry point then gives memory, or NULL and ENOMEM and leaves its argument as it was; and when room is
 * made, memory is to be had again. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

enum { SKIPPED = 77 };

/* --- the ways to be short of memory --- */

enum { MOST = 70000 };
static void *taken[MOST];
static size_t taken_size[MOST];
static int taken_count;

static int take_mapping(size_t size, int access)
{
    void *p = mmap(NULL, size, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || taken_count == MOST)
        return 0;
    taken[taken_count] = p;
    taken_size[taken_count++] = size;
    return 1;
}

static void use_up_mappings(void)
{
    while (take_mapping(4096, taken_count % 2 ? PROT_READ : PROT_READ | PROT_WRITE))
        ;
    CHECK(taken_count < MOST);
}

static void use_up_addresses(void)
{
    for (size_t size = (size_t)64 << 20; size >= 4096; size /= 2)
        while (take_mapping(size, PROT_NONE))
            ;
}

static void limit_addresses(void)
{
    unsigned long pages;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = pages * 4096;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void give_room(void)
{
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    while (taken_count > 0) {
        taken_count--;
        munmap(taken[taken_count], taken_size[taken_count]);
    }
}

#define ALLOWED(number)                                                                                      \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void lock_in(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOWED(SYS_mmap),
        ALLOWED(SYS_munmap),
        ALLOWED(SYS_mprotect),
        ALLOWED(SYS_mremap),
        ALLOWED(SYS_madvise),
        ALLOWED(SYS_brk),
        ALLOWED(SYS_futex),
        ALLOWED(SYS_write),
        ALLOWED(SYS_exit),
        ALLOWED(SYS_exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(SKIPPED);
}

/* --- the calls --- */

static const size_t sizes[] = {1, 100, 5000, 40000, 300000, 1500000, 3000000, 9000000, 40000000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Memory of that size that holds `byte`, or ENOMEM. */
static char *checked(void *p, size_t size, char byte)
{
    if (p)
        return memset(p, byte, size);
    CHECK(errno == ENOMEM);
    return NULL;
}

static int all_calls(size_t size)
{
    int refused = 0;
    errno = 0;
    char *p = checked(malloc(size), size, 1);
    char *zeroed = calloc(1, size);
    CHECK(zeroed || errno == ENOMEM);
    for (size_t i = 0; zeroed && i < size; i++)
        CHECK(zeroed[i] == 0);
    char *aligned = checked(aligned_alloc(4096, size), size, 2);
    char *strict = checked(memalign(4 << 20, size), size, 3);
    refused += !p + !zeroed + !aligned + !strict;
    if (p) {
        char *grown = realloc(p, size * 2 + 100000);
        CHECK(grown || errno == ENOMEM);
        p = grown ? grown : p;
        for (size_t i = 0; i < size; i++)
            CHECK(p[i] == 1);
        char *shrunk = realloc(p, size / 2 + 1);
        CHECK(shrunk || errno == ENOMEM);
        p = shrunk ? shrunk : p;
        refused += !grown;
    }
    malloc_trim(0);
    free(p);
    free(zeroed);
    free(aligned);
    free(strict);
    return refused;
}

static int size_count = SIZES;
static int every_size(void)
{
    int refused = 0;
    for (int i = 0; i < size_count; i++)
        refused += all_calls(sizes[i]);
    return refused;
}

/* Small blocks until there are no more, or `most` of them. */
static int most = 20000;
static void many_blocks(void)
{
    static __thread void *blocks[20000];
    int count = 0;
    while (count < most && (blocks[count] = malloc(2000 + count % 500)) != NULL) {
        memset(blocks[count], count % 251, 2000);
        count++;
    }
    while (count > 0) {
        const unsigned char *block = blocks[--count];
        CHECK(block[0] == count % 251 && memcmp(block, block + 1, 1999) == 0);
        free(blocks[count]);
    }
}

static void *on_thread(void *unused)
{
    every_size();
    many_blocks();
    return unused;
}

/* Under injected faults: all calls, in several threads and in a child. */
static void fault(void)
{
    most = 1000;
    size_count = SIZES - 2;
    pthread_t threads[2];
    int started[2];
    for (int i = 0; i < 2; i++)
        started[i] = pthread_create(&threads[i], NULL, on_thread, NULL) == 0;
    every_size();
    many_blocks();
    for (int i = 0; i < 2; i++)
        if (started[i])
            pthread_join(threads[i], NULL);
    pid_t child = fork();
    if (child == 0) {
        every_size();
        many_blocks();
        _exit(0);
    }
    int status;
    CHECK(child < 0 ||
          (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0));
    most = 5000;
    many_blocks();
    size_count = SIZES - 1; /* each of hundreds of faults takes a run */
    malloc_trim(0);
    every_size();
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    if (strcmp(argv[1], "fault") == 0) {
        fault();
        _exit(0);
    }
    int warm = getenv("LATE_WARM") != NULL; /* whether everything has happened once before */
    if (warm)
        CHECK(every_size() == 0);
    if (strcmp(argv[1], "mappings") == 0)
        use_up_mappings();
    else if (strcmp(argv[1], "addresses") == 0)
        use_up_addresses();
    else if (strcmp(argv[1], "rlimit") == 0)
        limit_addresses();
    else if (strcmp(argv[1], "seccomp") == 0) {
        lock_in();
        CHECK(every_size() == 0);
        many_blocks();
        _exit(0);
    } else
        CHECK(0);
    every_size();
    many_blocks();
    pthread_t thread; /* it may be refused, too */
    if (pthread_create(&thread, NULL, on_thread, NULL) == 0)
        pthread_join(thread, NULL);
    give_room();
    CHECK(every_size() == 0);
    many_blocks();
    CHECK(pthread_create(&thread, NULL, on_thread, NULL) == 0);
    pthread_join(thread, NULL);
    write(1, "lived\n", 6);
}
