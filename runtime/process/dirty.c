/* dirty: see dirty.h. */
#include "runtime/process/dirty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/os/os.h"
#include "runtime/process/pagemap.h"
#include "runtime/process/peek.h"

/* Newer than the headers that this may be built with. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define FEATURE_WP_UNPOPULATED ((uint64_t)1 << 13)
#define FEATURE_WP_ASYNC ((uint64_t)1 << 15)

/* No thread can map memory while the kernel looks at the pages of a range; for 1 GiB that takes 50 ms. So it
 * is asked about this much at once. */
enum { STEP = 16 * 1024 * 1024 };

static struct {
    _Atomic int state;                  /* 0 not asked yet, 1 supported, -1 not */
    _Atomic int faults, scan;           /* descriptors, while supported: userfaultfd, /proc/self/pagemap */
    struct stat faults_file, scan_file; /* which files these are: see close_own */
} dirty = {.faults = -1, .scan = -1};

/* --- the system calls; errno is kept by the entries --- */

static long request(int fd, unsigned long number, void *argument)
{
    return syscall(SYS_ioctl, fd, number, argument);
}

/* Move a descriptor up to a number that programs rarely use. The low one may be what the program expects of
 * its next open, or names in dup2. */
static int moved_up(int low)
{
    enum { HIGH = 920 }; /* below the usual soft limit of 1024, above that of descriptor.c */
    int high = low < 0 ? -1 : (int)syscall(SYS_fcntl, low, F_DUPFD_CLOEXEC, HIGH);
    if (high < 0)
        return low;
    syscall(SYS_close, low);
    return high;
}

static int open_faults(void)
{
    int fd = moved_up((int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY));
    if (fd < 0)
        return -1;
    struct uffdio_api api = {.api = UFFD_API, .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED};
    if (request(fd, UFFDIO_API, &api) == 0)
        return fd;
    syscall(SYS_close, fd);
    return -1;
}

enum { ASK = PAGEMAP_PROTECT | PAGEMAP_ASYNC, LOOK = PAGEMAP_ASYNC };

static long scan_dirty_pages(int fd, pagemap_scan_t *scan, uint64_t flags)
{
    scan->flags = flags;
    scan->all_of = PAGEMAP_WRITTEN;
    scan->returned = PAGEMAP_PRESENT;
    return pagemap_scan(fd, scan);
}

/* Asks about an empty range, which succeeds if the kernel knows the request. */
static bool knows_scan(int fd)
{
    pagemap_scan_t nothing = {.start = OS_PAGE, .end = OS_PAGE};
    return scan_dirty_pages(fd, &nothing, ASK) == 0;
}

static bool start(void)
{
    int faults = open_faults();
    int scan = -1;
    if (faults >= 0)
        scan = moved_up((int)syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0));
    if (scan >= 0 && knows_scan(scan) && fstat(faults, &dirty.faults_file) == 0 &&
        fstat(scan, &dirty.scan_file) == 0) {
        dirty.faults = faults;
        dirty.scan = scan;
        return true;
    }
    if (scan >= 0)
        syscall(SYS_close, scan);
    if (faults >= 0)
        syscall(SYS_close, faults);
    return false;
}

/* --- the entries --- */

bool dirty_is_supported(void)
{
    int saved = errno;
    if (!filter_permits(FILTER_DIRTY))
        return false;
    if (!dirty.state)
        dirty.state = start() ? 1 : -1;
    errno = saved;
    return dirty.state > 0;
}

enum dirty dirty_begin(uintptr_t from, uintptr_t to)
{
    return dirty_begin_within(from, to, from, to);
}

/* What is registered already stays as it is. */
enum dirty dirty_join(uintptr_t from, uintptr_t to)
{
    if (!dirty_is_supported())
        return DIRTY_UNSUPPORTED;
    int saved = errno;
    struct uffdio_register range = {.range = {from, to - from}, .mode = UFFDIO_REGISTER_MODE_WP};
    bool done = request(dirty.faults, UFFDIO_REGISTER, &range) == 0;
    errno = saved;
    return done ? DIRTY_OK : DIRTY_FAILED;
}

enum dirty dirty_begin_within(uintptr_t mappings_from, uintptr_t mappings_to, uintptr_t from, uintptr_t to)
{
    enum dirty done = dirty_join(mappings_from, mappings_to);
    if (done != DIRTY_OK || dirty_ask(from, to, NULL, NULL) == DIRTY_OK)
        return done;
    dirty_end_whole(mappings_from, mappings_to);
    return DIRTY_FAILED;
}

/* The program may have closed the descriptor, and another file may have its number since. */
static bool is_own(int fd, const struct stat *file)
{
    struct stat now;
    return fstat(fd, &now) == 0 && now.st_dev == file->st_dev && now.st_ino == file->st_ino;
}

/* --- asking --- */

enum { REGIONS = 64, GRAIN = 64 * 1024, GRAINS = 1024 };

typedef struct question {
    uint64_t flags;
    void (*written)(void *context, uintptr_t low, uintptr_t high);
    void *context;
    size_t grain;
    pagemap_region_t regions[REGIONS];
} question_t;

static void tell(const void *of, uintptr_t low, uintptr_t high)
{
    const question_t *question = of;
    question->written(question->context, low, high);
}

/* Reports the regions that the last scan has filled in. Returns where the last of them ends, or `from`. */
static uintptr_t report(const question_t *question, uintptr_t from)
{
    for (size_t i = 0; i < REGIONS && question->regions[i].end; i++) {
        const pagemap_region_t *region = &question->regions[i];
        from = region->end;
        if (question->written && (region->categories & PAGEMAP_PRESENT || question->flags != LOOK))
            tell(question, region->start, region->end);
        else if (question->written)
            peek_each_readable(region->start, region->end, tell, question);
    }
    return from;
}

/* A part of the range that was mapped anew since `begin` is not watched, and fails the scan of all that it
 * lies in. The scan has protected the pages before that part, and has filled them in although it fails
 * (Linux, fs/proc/task_mmu.c, do_pagemap_scan): they are reported, or they would be missed. Then the step is
 * halved until the part is found, to a grain, and the grain counts as written; behind it the step doubles. If
 * the program has closed userfaultfd's descriptor, nothing is watched, and halving would take long. */
static enum dirty ask_in_steps(question_t *question, uintptr_t from, uintptr_t to)
{
    for (uintptr_t step = STEP; from < to;) {
        uintptr_t end = to - from > step ? from + step : to;
        pagemap_scan_t scan = {
            .start = from, .end = end, .regions = (uintptr_t)question->regions, .region_count = REGIONS};
        memset(question->regions, 0, sizeof question->regions);
        bool watched = scan_dirty_pages(dirty.scan, &scan, question->flags) >= 0;
        if (watched ? scan.walk_end <= from : errno != EPERM || !is_own(dirty.faults, &dirty.faults_file))
            return DIRTY_FAILED;
        uintptr_t last = report(question, from);
        if (watched) {
            from = scan.walk_end;
            step = step < STEP ? step * 2 : step;
        } else if (end - last > question->grain) {
            from = last;
            step = (end - last) / 2 & ~(OS_PAGE - 1);
        } else {
            if (question->written)
                question->written(question->context, last, end);
            from = end;
        }
    }
    return DIRTY_OK;
}

static enum dirty ask(uintptr_t from, uintptr_t to, uint64_t flags,
                      void (*written)(void *context, uintptr_t low, uintptr_t high), void *context)
{
    if (dirty.state <= 0 || !filter_permits(FILTER_DIRTY))
        return DIRTY_UNSUPPORTED;
    size_t grain = (to - from) / GRAINS & ~(OS_PAGE - 1);
    question_t question = {
        .flags = flags, .written = written, .context = context, .grain = grain > GRAIN ? grain : GRAIN};
    int saved = errno;
    enum dirty result = ask_in_steps(&question, from, to);
    errno = saved;
    return result;
}

enum dirty dirty_ask(uintptr_t from, uintptr_t to,
                     void (*written)(void *context, uintptr_t low, uintptr_t high), void *context)
{
    return ask(from, to, ASK, written, context);
}

enum dirty dirty_look(uintptr_t from, uintptr_t to,
                      void (*written)(void *context, uintptr_t low, uintptr_t high), void *context)
{
    return ask(from, to, LOOK, written, context);
}

void dirty_end(uintptr_t from, uintptr_t to)
{
    for (uintptr_t end; from < to; from = end) {
        end = to - from > STEP ? from + STEP : to;
        dirty_end_whole(from, end);
    }
}

void dirty_end_whole(uintptr_t from, uintptr_t to)
{
    int saved = errno;
    struct uffdio_range range = {from, to - from};
    if (dirty.state > 0 && filter_permits(FILTER_DIRTY))
        request(dirty.faults, UFFDIO_UNREGISTER, &range);
    errno = saved;
}

/* Close the descriptor, unless another file has its number by now. */
static void close_own(int fd, const struct stat *file)
{
    if (is_own(fd, file))
        syscall(SYS_close, fd);
}

/* In a child the descriptors are inherited, and refer to the parent's memory. */
void dirty_close(void)
{
    int saved = errno;
    if (dirty.state > 0 && filter_permits(FILTER_DIRTY)) {
        close_own(dirty.faults, &dirty.faults_file);
        close_own(dirty.scan, &dirty.scan_file);
    }
    dirty.state = 0;
    errno = saved;
}
