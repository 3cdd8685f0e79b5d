/* dirty: see dirty.h. */
#include "runtime/process/dirty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/os/os.h"
#include "runtime/process/pagemap.h"

/* Newer than the headers that this may be built with. */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#define FEATURE_WP_UNPOPULATED ((uint64_t)1 << 13)
#define FEATURE_WP_ASYNC ((uint64_t)1 << 15)

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

static int open_faults(void)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
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
    scan->all_of = scan->returned = PAGEMAP_WRITTEN;
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
    int scan =
        faults < 0 ? -1 : (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
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
    if (!dirty_is_supported())
        return DIRTY_UNSUPPORTED;
    int saved = errno;
    struct uffdio_register range = {.range = {from, to - from}, .mode = UFFDIO_REGISTER_MODE_WP};
    bool done = request(dirty.faults, UFFDIO_REGISTER, &range) == 0;
    errno = saved;
    if (!done || dirty_ask(from, to, NULL, NULL) == DIRTY_OK)
        return done ? DIRTY_OK : DIRTY_FAILED;
    dirty_end(from, to);
    return DIRTY_FAILED;
}

static enum dirty ask(uintptr_t from, uintptr_t to, uint64_t flags,
                      void (*written)(void *context, uintptr_t low, uintptr_t high), void *context)
{
    enum { REGIONS = 64 };
    pagemap_region_t regions[REGIONS];
    int saved = errno;
    if (dirty.state <= 0 || !filter_permits(FILTER_DIRTY))
        return DIRTY_UNSUPPORTED;
    while (from < to) {
        pagemap_scan_t scan = {
            .start = from, .end = to, .regions = (uintptr_t)regions, .region_count = REGIONS};
        long count = scan_dirty_pages(dirty.scan, &scan, flags);
        if (count < 0 || scan.walk_end <= from) {
            errno = saved;
            return DIRTY_FAILED;
        }
        for (long i = 0; written && i < count; i++)
            written(context, regions[i].start, regions[i].end);
        from = scan.walk_end;
    }
    return DIRTY_OK;
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
    int saved = errno;
    struct uffdio_range range = {from, to - from};
    if (dirty.state > 0 && filter_permits(FILTER_DIRTY))
        request(dirty.faults, UFFDIO_UNREGISTER, &range);
    errno = saved;
}

/* Close the descriptor, unless another file has its number by now. */
static void close_own(int fd, const struct stat *file)
{
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_dev == file->st_dev && now.st_ino == file->st_ino)
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
