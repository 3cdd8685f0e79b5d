/* memory_size: see memory_size.h. The lowest limit on the way up applies: see cgroup.h. */
#include "runtime/process/memory_size.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "runtime/base/descriptor.h"
#include "runtime/base/file.h"
#include "runtime/process/cgroup.h"

/* "max", anything else that is not a number, and a number beyond 64 bits all mean that there is no limit. */
static uint64_t parse_limit(const char *content)
{
    uint64_t limit = 0;
    const char *digit = content;
    for (; *digit >= '0' && *digit <= '9'; digit++)
        if (__builtin_mul_overflow(limit, 10, &limit) ||
            __builtin_add_overflow(limit, (uint64_t)(*digit - '0'), &limit))
            return MEMORY_SIZE_UNLIMITED;
    return digit > content ? limit : MEMORY_SIZE_UNLIMITED;
}

static const cgroup_files_t limits = {
    .controller = "memory", .version2 = "/memory.max", .version1 = "/memory.limit_in_bytes"};

static uint64_t lowest;

static void look_into_memory(const char *path)
{
    char content[32];
    if (file_read(path, content, sizeof content)) {
        uint64_t limit = parse_limit(content);
        lowest = limit < lowest ? limit : lowest;
    }
}

uint64_t memory_size_of_cgroup(const char *root)
{
    int saved = errno;
    lowest = MEMORY_SIZE_UNLIMITED;
    cgroup_visit(root, &limits, look_into_memory);
    errno = saved;
    return lowest;
}

uint64_t memory_size_of_machine(void)
{
    struct sysinfo machine;
    if (syscall(SYS_sysinfo, &machine) != 0)
        return MEMORY_SIZE_UNLIMITED;
    return (uint64_t)machine.totalram * machine.mem_unit;
}

uint64_t memory_size_available(void)
{
    uint64_t cgroup = memory_size_of_cgroup(""), machine = memory_size_of_machine();
    return cgroup < machine ? cgroup : machine;
}

int64_t memory_size_share(uint64_t all, int64_t percent)
{
    const uint64_t mib = (uint64_t)1 << 20;
    uint64_t share = all / 100 * (uint64_t)percent + all % 100 * (uint64_t)percent / 100;
    return (int64_t)(share < 100 * mib ? share : share - share % mib);
}

/* --- watching --- */

enum { WATCHED = 8 };

static struct {
    int descriptors[WATCHED];
    int count;
    uint64_t machine;
} watch;

static void open_watched(const char *path)
{
    int descriptor = watch.count < WATCHED ? descriptor_open(path) : -1;
    if (descriptor >= 0)
        watch.descriptors[watch.count++] = descriptor;
}

void memory_size_watch(const char *root)
{
    int saved = errno;
    while (watch.count > 0)
        descriptor_close(watch.descriptors[--watch.count]);
    watch.machine = memory_size_of_machine();
    cgroup_visit(root, &limits, open_watched);
    errno = saved;
}

/* "max" or a number, and the end of the line. Anything else is not the kernel's file. */
static bool is_limit(const char *content)
{
    size_t digits = strspn(content, "0123456789");
    return strcmp(content, "max\n") == 0 || (digits > 0 && strcmp(content + digits, "\n") == 0);
}

bool memory_size_watched(uint64_t *bytes)
{
    char content[32];
    bool any = false;
    *bytes = watch.machine;
    for (int i = 0; i < watch.count; i++) {
        if (!descriptor_read(watch.descriptors[i], content, sizeof content) || !is_limit(content))
            continue;
        uint64_t limit = parse_limit(content);
        any = true;
        *bytes = limit < *bytes ? limit : *bytes;
    }
    return any;
}
