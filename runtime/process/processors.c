/* processors: see processors.h. */
#include "runtime/process/processors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/filter.h"
#include "runtime/base/text.h"
#include "runtime/os/os.h"
#include "runtime/process/cgroup.h"

static unsigned lowest; /* the lowest so far, in the current walk */

/* Read the number at *text and move *text past it. False: there are no digits, or the number is too large. */
static bool read_number(const char **text, uint64_t *number)
{
    const char *from = *text;
    for (*number = 0; **text >= '0' && **text <= '9'; ++*text)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(**text - '0'), number))
            return false;
    return *text > from;
}

static void note_quota(uint64_t quota, uint64_t period)
{
    if (period == 0)
        return;
    uint64_t whole = quota / period + (quota % period > 0);
    if (whole < lowest)
        lowest = whole > 0 ? (unsigned)whole : 1;
}

/* "QUOTA PERIOD", or "max PERIOD". */
static void look_into_version2(const char *content)
{
    uint64_t quota, period;
    if (read_number(&content, &quota) && *content++ == ' ' && read_number(&content, &period))
        note_quota(quota, period);
}

/* "QUOTA", or "-1"; the period is in the file beside it. */
static void look_into_version1(const char *path, const char *content)
{
    static char beside[4096];
    char text[32];
    const char *at = text;
    uint64_t quota, period;
    text_t other = text_on(beside, sizeof beside);
    text_add_chars(&other, path, strlen(path) - strlen("quota_us"));
    text_add_str(&other, "period_us");
    if (read_number(&content, &quota) && !other.truncated && file_read(beside, text, sizeof text) &&
        read_number(&at, &period))
        note_quota(quota, period);
}

static void look_into_quota(const char *path)
{
    char content[64];
    size_t length = strlen(path), suffix = strlen("quota_us");
    if (!file_read(path, content, sizeof content))
        return;
    if (length > suffix && strcmp(path + length - suffix, "quota_us") == 0)
        look_into_version1(path, content);
    else
        look_into_version2(content);
}

unsigned processors_of_quota(const char *root)
{
    static const cgroup_files_t quotas = {
        .controller = "cpu", .version2 = "/cpu.max", .version1 = "/cpu.cfs_quota_us"};
    int saved = errno;
    lowest = PROCESSORS_UNLIMITED;
    if (filter_permits(FILTER_PROC))
        cgroup_visit(root, &quotas, look_into_quota);
    errno = saved;
    return lowest;
}

unsigned processors_available(void)
{
    unsigned allowed = filter_permits(FILTER_PROC) ? os_processors() : 1, paid = processors_of_quota("");
    return allowed < paid ? allowed : paid;
}
