/* descriptor: see descriptor.h. System calls without libc's wrappers, as in file.c. */
#include "runtime/base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"

int descriptor_open(const char *path)
{
    enum { HIGH = 910 }; /* below the usual soft limit of 1024, above the descriptor of stats_print.c */
    if (!filter_permits(FILTER_PROC))
        return -1;
    int saved = errno;
    long low = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    long high = low < 0 ? -1 : syscall(SYS_fcntl, low, F_DUPFD_CLOEXEC, HIGH);
    if (high >= 0)
        syscall(SYS_close, low);
    errno = saved;
    return (int)(high >= 0 ? high : low);
}

bool descriptor_read(int descriptor, char *content, size_t size)
{
    if (!filter_permits(FILTER_PROC))
        return false;
    int saved = errno;
    long got;
    do
        got = syscall(SYS_pread64, descriptor, content, size - 1, 0);
    while (got < 0 && errno == EINTR);
    content[got > 0 ? got : 0] = '\0';
    errno = saved;
    return got > 0 && (size_t)got < size - 1;
}

void descriptor_close(int descriptor)
{
    int saved = errno;
    syscall(SYS_close, descriptor);
    errno = saved;
}
