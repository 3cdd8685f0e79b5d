/* file: see file.h. System calls without libc's wrappers, because other preloaded libraries may replace the
 * wrappers. */
#include "runtime/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"

/* pread, not read: a signal handler may fork, and the child that goes on here shares the position of the open
 * file. */
bool file_read(const char *path, char *content, size_t size)
{
    long fd =
        !filter_permits(FILTER_PROC) ? -1 : syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    size_t length = 0;
    long got;
    do {
        got = syscall(SYS_pread64, fd, content + length, size - 1 - length, length);
        if (got > 0)
            length += (size_t)got;
    } while (got > 0 || (got < 0 && errno == EINTR));
    syscall(SYS_close, fd);
    content[length] = '\0';
    return got == 0;
}
