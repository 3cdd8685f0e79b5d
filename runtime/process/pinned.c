/* pinned: see pinned.h. Linux, Documentation/filesystems/proc.rst, VmPin. */
#include "runtime/process/pinned.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/filter.h"

/* "VmPin:       64 kB" */
static bool is_zero(const char *line)
{
    line += strlen("VmPin:");
    line += strspn(line, " \t");
    return line[0] == '0';
}

bool pinned_is_any(void)
{
    char status[4096];
    int saved = errno;
    bool read = filter_permits(FILTER_PROC) && file_read("/proc/thread-self/status", status, sizeof status);
    const char *line = read ? strstr(status, "VmPin:") : NULL;
    errno = saved;
    return !line || !is_zero(line);
}
