/* peek: see peek.h. */
#include "runtime/process/peek.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/os/os.h"

/* Keeps errno, but returns -errno. */
static long copy(void *to, uintptr_t from, size_t size)
{
    int saved = errno;
    struct iovec here = {to, size}, there = {(void *)from, size};
    long got = syscall(SYS_process_vm_readv, getpid(), &here, 1, &there, 1, 0L);
    got = got < 0 ? -errno : got;
    errno = saved;
    return got;
}

size_t peek(void *to, uintptr_t from, size_t size)
{
    long got = filter_permits(FILTER_COPY) ? copy(to, from, size) : 0;
    return got > 0 ? (size_t)got : 0;
}

static bool is_readable(uintptr_t page)
{
    char byte;
    return !filter_permits(FILTER_COPY) || copy(&byte, page, sizeof byte) != -EFAULT;
}

void peek_each_readable(uintptr_t from, uintptr_t to,
                        void (*visit)(const void *context, uintptr_t from, uintptr_t to), const void *context)
{
    for (uintptr_t end = from; from < to; from = end += OS_PAGE) {
        while (end < to && is_readable(end))
            end += OS_PAGE;
        if (end > from)
            visit(context, from, end);
    }
}
