/* os: see os.h. A function may change errno unless it says otherwise: callers that must keep errno (free)
 * save it themselves. */
#include "runtime/os/os.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/filter.h"
#include "runtime/base/futex.h"
#include "runtime/base/text.h"
#include "runtime/os/own.h"

/* The system calls, and not the C library's functions, which libweir-malloc.so replaces for the program
 * (swap/protect.c). */
static bool protect(void *start, size_t size, int access)
{
    return syscall(SYS_mprotect, start, size, access) == 0;
}

static int advise(void *start, size_t size, int advice)
{
    return (int)syscall(SYS_madvise, start, size, advice);
}

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static void *reserve(size_t size, size_t alignment, bool is_own)
{
    size_t padded = size + (alignment > OS_PAGE ? alignment : 0);
    if (padded < size)
        return NULL;
    char *raw = mmap(NULL, padded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    if (is_own)
        own_add((uintptr_t)raw, (uintptr_t)raw + padded);
    return (void *)(((uintptr_t)raw + alignment - 1) & ~(uintptr_t)(alignment - 1));
}

void *os_reserve(size_t size, size_t alignment)
{
    return reserve(size, alignment, true);
}

void *os_reserve_for_program(size_t size)
{
    return reserve(size, OS_PAGE, false);
}

size_t os_address_space_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

bool os_make_readable(void *start, size_t size)
{
    return protect(start, size, PROT_READ);
}

bool os_commit(void *start, size_t size)
{
    return protect(start, size, PROT_READ | PROT_WRITE);
}

bool os_forbid(void *start, size_t size)
{
    return protect(start, size, PROT_NONE);
}

bool os_unprotect(void *start, size_t size)
{
    enum { MADV_GUARD_REMOVE_ = 103 }; /* Linux 6.13; named here because older headers lack it */
    advise(start, size, MADV_GUARD_REMOVE_);
    advise(start, size, MADV_KEEPONFORK);
    return advise(start, size, MADV_DOFORK) == 0 && protect(start, size, PROT_READ | PROT_WRITE);
}

/* A kernel that is older than the flag (Linux 4.17) may map somewhere else. */
void os_map_missing(void *start, size_t size)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    for (char *page = start, *end = page + size; page < end; page += OS_PAGE) {
        void *mapped = mmap(page, OS_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (mapped != MAP_FAILED && mapped != page)
            munmap(mapped, OS_PAGE);
    }
}

/* By a new mapping: mprotect alone would leave the charge. */
bool os_decommit(void *start, size_t size)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    return mmap(start, size, PROT_NONE, flags, -1, 0) != MAP_FAILED;
}

/* Has the process a limit on the resource (RLIMIT_AS and its like)? A system call asks, because the type of
 * getrlimit's first parameter is not the same in glibc and musl. */
static bool is_limited(int resource)
{
    struct rlimit limit;
    return syscall(SYS_prlimit64, 0, resource, NULL, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

bool os_commit_is_scarce(void)
{
    char overcommit[4];
    return is_limited(RLIMIT_AS) || is_limited(RLIMIT_DATA) ||
           (file_read("/proc/sys/vm/overcommit_memory", overcommit, sizeof overcommit) &&
            overcommit[0] == '2');
}

bool os_release(void *start, size_t size)
{
    return advise(start, size, MADV_DONTNEED) == 0;
}

void os_unreserve(void *start, size_t size)
{
    own_remove((uintptr_t)start, (uintptr_t)start + size);
    munmap(start, size);
}

void os_prefer_huge_pages(void *start, size_t size, bool prefer)
{
    int saved = errno;
    advise(start, size, prefer ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    errno = saved;
}

/* MADV_COLLAPSE ignores the system's setting of transparent huge pages; "never" is respected here. */
static bool may_make_huge(void)
{
    static _Atomic int answer; /* 0: not asked yet */
    char setting[64] = "";
    if (!answer)
        answer = file_read("/sys/kernel/mm/transparent_hugepage/enabled", setting, sizeof setting) &&
                         !strstr(setting, "[never]")
                     ? 1
                     : -1;
    return answer > 0;
}

static bool collapse(void *start)
{
    enum { MADV_COLLAPSE_ = 25 }; /* Linux 6.1; named here because older headers lack it */
    return advise(start, OS_HUGE_PAGE, MADV_COLLAPSE_) == 0;
}

/* The kernel collapses only a range with at least one page, so the first page is written. */
bool os_make_huge(void *start)
{
    int saved = errno;
    volatile char *first = start;
    bool made = may_make_huge() && (*first = *first, collapse(start));
    errno = saved;
    return made;
}

bool os_collapse(void *start, bool is_advised)
{
    int saved = errno;
    bool may = may_make_huge() && (!is_advised || advise(start, OS_HUGE_PAGE, MADV_HUGEPAGE) == 0);
    bool made = may && collapse(start);
    if (may && is_advised)
        advise(start, OS_HUGE_PAGE, MADV_NOHUGEPAGE);
    errno = saved;
    return made;
}

/* The advice is taken back at once: otherwise khugepaged would later fill the holes that releases leave in
 * the page. */
bool os_touch_huge(void *inside)
{
    int saved = errno;
    void *start = (void *)((uintptr_t)inside & ~(uintptr_t)(OS_HUGE_PAGE - 1));
    bool asked = may_make_huge() && advise(start, OS_HUGE_PAGE, MADV_HUGEPAGE) == 0;
    if (asked) {
        *(volatile char *)inside = 0;
        advise(start, OS_HUGE_PAGE, MADV_NOHUGEPAGE);
    }
    errno = saved;
    return asked;
}

bool os_renew(void *start, size_t size)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    return mmap(start, size, PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED;
}

/* Is the range still mapped? mremap may fail after it has unmapped the target, for instance because the
 * source spans two mappings. EINVAL means that the range is locked, and so it is mapped. */
static bool is_whole(void *start, size_t size)
{
    return advise(start, size, MADV_DONTNEED) == 0 || errno == EINVAL;
}

enum os_move os_move_pages(void *to, void *from, size_t size)
{
    enum { MREMAP_DONTUNMAP_ = 4 }; /* Linux 5.7; named here because older headers lack it */
    if (mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP_, to) != MAP_FAILED) {
        os_renew(from, size);
        return OS_MOVED;
    }
    return is_whole(to, size) || os_renew(to, size) ? OS_MOVE_REFUSED : OS_MOVE_LOST;
}

bool os_is_mapped(const void *address)
{
    unsigned char resident;
    void *page = (void *)((uintptr_t)address & ~(uintptr_t)(OS_PAGE - 1));
    return filter_permits(FILTER_PAGES) && mincore(page, OS_PAGE, &resident) == 0;
}

/* The current frame is taken as the stack's lower end. Every page from there to the address has to be mapped:
 * this stands for a comparison with the upper end, because pthread_getattr_np, which knows it, allocates.
 * Called only for a report of misuse. */
bool os_is_on_stack(const void *address)
{
    enum { REACH = 64 * 1024 * 1024 };
    uintptr_t here = (uintptr_t)__builtin_frame_address(0), there = (uintptr_t)address;
    if (there < here || there - here > REACH)
        return false;
    for (uintptr_t page = here & ~(uintptr_t)(OS_PAGE - 1); page <= there; page += OS_PAGE)
        if (!os_is_mapped((void *)page))
            return false;
    return true;
}

COLD void os_require_pages(void)
{
    unsigned long size = getauxval(AT_PAGESZ);
    if (size == OS_PAGE)
        return;
    char room[128];
    text_t out = text_on(room, sizeof room);
    text_add_str(&out, "weir: the kernel's pages have ");
    text_add_u64(&out, size);
    text_add_str(&out, " bytes; this library is for pages of ");
    text_add_u64(&out, OS_PAGE);
    text_add_str(&out, "\n");
    text_flush(&out, STDERR_FILENO);
    os_abort();
}

/* The kernel leaves sixteen random bytes to every process. */
uint64_t os_random(void)
{
    const void *bytes = (const void *)getauxval(AT_RANDOM);
    uint64_t number = os_now_ns();
    if (bytes) {
        uint64_t theirs;
        memcpy(&theirs, bytes, sizeof theirs);
        number ^= theirs;
    }
    return number;
}

uint64_t os_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t os_now_coarse_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t os_wall_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned os_processors(void)
{
    cpu_set_t processors;
    return sched_getaffinity(0, sizeof processors, &processors) == 0 ? (unsigned)CPU_COUNT(&processors) : 1;
}

/* glibc runs the destructors of a thread's keys in up to PTHREAD_DESTRUCTOR_ITERATIONS rounds, as long as
 * some key was set again. Each round sets our key again until the last but one, which calls the hook: so the
 * thread still has its heap when other destructors free. The hook does not wait for the very last round, for
 * two reasons: a thread whose key is first set by a destructor of the first round has one round less, and
 * ThreadSanitizer leaves the thread in the last round. */
enum { LAST_ROUND = PTHREAD_DESTRUCTOR_ITERATIONS - 1 };

static struct {
    pthread_once_t once;
    pthread_key_t key;
    void (*_Atomic hook)(void);
} thread_exit = {.once = PTHREAD_ONCE_INIT};

static void thread_exit_round(void *value)
{
    uintptr_t round = (uintptr_t)value;
    if (round < LAST_ROUND && pthread_setspecific(thread_exit.key, (void *)(round + 1)) == 0)
        return;
    void (*hook)(void) = thread_exit.hook;
    hook();
}

static void thread_exit_init(void)
{
    pthread_key_create(&thread_exit.key, thread_exit_round);
}

void os_call_at_thread_exit(void (*exit_hook)(void))
{
    thread_exit.hook = exit_hook;
    pthread_once(&thread_exit.once, thread_exit_init);
    pthread_setspecific(thread_exit.key, (void *)(uintptr_t)1);
}

/* A round runs the destructors in the order of the keys, so those of higher keys than ours come after the
 * hook. glibc's keys are small numbers. A value whose key has no destructor counts too. */
bool os_thread_has_destructors(void)
{
    for (pthread_key_t key = thread_exit.key + 1; key < PTHREAD_KEYS_MAX; key++)
        if (pthread_getspecific(key))
            return true;
    return false;
}

void os_call_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    pthread_atfork(prepare, parent, child);
}

/* Where a filter forbids sched_yield: sleep for a while on a word that never changes. */
void os_yield(void)
{
    enum { SLEEP_NS = 20 * 1000 };
    static _Atomic uint32_t never;
    if (LIKELY(filter_permits(FILTER_YIELD)))
        sched_yield();
    else
        os_futex_wait_for(&never, 0, SLEEP_NS);
}

_Noreturn void os_abort(void)
{
    abort();
}
