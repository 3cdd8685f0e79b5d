/* memory_size: see memory_size.h.
 *
 * /proc/self/cgroup names the process's group in each hierarchy, one line "id:controllers:path": version 2
 * has the id 0 and no controllers, version 1's memory hierarchy has `memory` among them. Each directory from
 * that path up to the hierarchy's root may hold a limit, and all of them apply. Inside a container the path
 * is often one that only the host can see; then the walk finds nothing until it reaches the mount's root,
 * which is the container's own group. The hierarchies are expected where everybody mounts them,
 * /sys/fs/cgroup and /sys/fs/cgroup/memory.
 */
#include "runtime/os/memory_size.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "runtime/os/descriptor.h"
#include "runtime/os/file.h"
#include "runtime/os/text.h"

enum { LONGEST = 4096 }; /* of a path, and of /proc/self/cgroup; the lines beyond are not seen */

/* "max", and whatever else is not a number, is no limit; so is a number beyond 64 bits. */
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

struct hierarchy {
    const char *mount;
    const char *file;
};

/* What a visitor of the files is to do with one of them. */
typedef void visit_t(const char *path);

static void visit_group(const char *root, struct hierarchy hierarchy, const char *group, size_t length,
                        visit_t *visit)
{
    while (length > 0 && group[length - 1] == '/')
        length--;
    for (;;) {
        static char room[LONGEST];
        text_t path = text_on(room, sizeof room);
        text_add_str(&path, root);
        text_add_str(&path, hierarchy.mount);
        text_add_chars(&path, group, length);
        text_add_str(&path, hierarchy.file);
        if (!path.truncated)
            visit(room);
        if (length == 0)
            return;
        while (length > 0 && group[--length] != '/')
            ;
    }
}

/* Is the word among the comma-separated ones from start to end? */
static bool lists_word(const char *start, const char *end, const char *word)
{
    size_t length = strlen(word);
    while (start < end) {
        const char *comma = memchr(start, ',', (size_t)(end - start));
        const char *stop = comma != NULL ? comma : end;
        if ((size_t)(stop - start) == length && memcmp(start, word, length) == 0)
            return true;
        start = stop + 1;
    }
    return false;
}

/* Visit each file that may hold a limit, from the group itself upwards. */
static void visit_files(const char *root, visit_t *visit)
{
    static const struct hierarchy version2 = {"/sys/fs/cgroup", "/memory.max"};
    static const struct hierarchy version1 = {"/sys/fs/cgroup/memory", "/memory.limit_in_bytes"};
    static char room[LONGEST],
        groups[LONGEST]; /* not on a stack that may be small; one caller at a time, at the start */
    text_t path = text_on(room, sizeof room);
    text_add_str(&path, root);
    text_add_str(&path, "/proc/self/cgroup");
    if (!path.truncated && file_read(room, groups, sizeof groups)) {
        for (char *line = groups, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            char *controllers = strchr(line, ':');
            char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
            if (group == NULL)
                continue;
            bool is_version2 = strncmp(line, "0::", 3) == 0;
            if (!is_version2 && !lists_word(controllers + 1, group, "memory"))
                continue;
            visit_group(root, is_version2 ? version2 : version1, group + 1, (size_t)(end - group - 1), visit);
        }
    }
}

static uint64_t lowest;

static void look_into(const char *path)
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
    visit_files(root, look_into);
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
    visit_files(root, open_watched);
    errno = saved;
}

/* "max" or a number, and the end of the line: what else is there is not the kernel's. */
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
