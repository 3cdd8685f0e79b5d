/* processors: the quota, read from made-up /proc and /sys trees; and how many threads mark. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/process/processors.h"
#include "tests/unit/support.h"

#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/cpu"
#define NONE PROCESSORS_UNLIMITED
enum { MOST_FILES = 3 };

static const struct {
    const char *what, *groups;
    struct {
        const char *path, *content;
    } files[MOST_FILES];
    unsigned expected;
} cases[] = {
    {"no groups", "", {{NULL}}, NONE},
    {"version 2, none", "0::/a\n", {{V2 "/a/cpu.max", "max 100000\n"}}, NONE},
    {"version 2, two", "0::/a\n", {{V2 "/a/cpu.max", "200000 100000\n"}}, 2},
    {"version 2, rounded up", "0::/a\n", {{V2 "/a/cpu.max", "200001 100000\n"}}, 3},
    {"version 2, a tenth", "0::/a\n", {{V2 "/a/cpu.max", "10000 100000\n"}}, 1},
    {"version 2, the parent's is lower",
     "0::/a/b\n",
     {{V2 "/a/b/cpu.max", "800000 100000\n"}, {V2 "/a/cpu.max", "400000 100000\n"}},
     4},
    {"version 2, in a container", "0::/x/y\n", {{V2 "/cpu.max", "50000 10000\n"}}, 5},
    {"version 2, nonsense", "0::/a\n", {{V2 "/a/cpu.max", "7\n"}}, NONE},
    {"version 2, no period", "0::/a\n", {{V2 "/a/cpu.max", "100 0\n"}}, NONE},
    {"version 2, too large", "0::/a\n", {{V2 "/a/cpu.max", "99999999999999999999999 1\n"}}, NONE},
    {"version 1, none",
     "3:cpu,cpuacct:/a\n",
     {{V1 "/a/cpu.cfs_quota_us", "-1\n"}, {V1 "/a/cpu.cfs_period_us", "100000\n"}},
     NONE},
    {"version 1, three",
     "3:cpuacct,cpu:/a\n",
     {{V1 "/a/cpu.cfs_quota_us", "300000\n"}, {V1 "/a/cpu.cfs_period_us", "100000\n"}},
     3},
    {"version 1, without a period", "3:cpu:/a\n", {{V1 "/a/cpu.cfs_quota_us", "300000\n"}}, NONE},
    {"version 1, another controller", "3:cpuset:/a\n", {{V1 "/a/cpu.cfs_quota_us", "300000\n"}}, NONE},
};

static char root[64];

static void write_file(const char *path, const char *content)
{
    char command[1024];
    snprintf(command, sizeof command, "mkdir -p $(dirname %s%s) && printf %%s '%s' >%s%s", root, path,
             content, root, path);
    cr_assert_eq(system(command), 0);
}

Test(processors, of_the_quota)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        char command[128];
        strcpy(root, "/tmp/weir-unit.XXXXXX");
        cr_assert_not_null(mkdtemp(root));
        write_file("/proc/self/cgroup", cases[i].groups);
        for (size_t k = 0; k < MOST_FILES && cases[i].files[k].path; k++)
            write_file(cases[i].files[k].path, cases[i].files[k].content);
        errno = EIO;
        cr_expect_eq(processors_of_quota(root), cases[i].expected, "%s", cases[i].what);
        cr_expect_eq(errno, EIO);
        snprintf(command, sizeof command, "rm -r %s", root);
        cr_assert_eq(system(command), 0);
    }
}

Test(processors, of_this_machine)
{
    cr_expect_geq(processors_available(), 1);
    cr_expect_leq(processors_available(), os_processors());
}

static int tasks(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    cr_assert_not_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

/* With the first thread of a process ThreadSanitizer may start one of its own. */
static void expect_marking(int64_t workers, int threads)
{
    heap_free(heap_malloc(1));
    int before = tasks();
    options.gcworkers = workers;
    cr_assert_not_null(weir_gc_alloc(100));
    weir_gc();
    weir_gc();
    int started = tasks() - before;
    cr_expect(started >= threads && started <= threads + WATCHED, "%d", started);
}

Test(processors, five_threads_mark_if_the_knob_says_so)
{
    expect_marking(5, 4);
}

Test(processors, or_the_collecting_one_alone)
{
    expect_marking(1, 0);
}

Test(processors, and_no_more_than_sixteen)
{
    expect_marking(1000, 15);
}
