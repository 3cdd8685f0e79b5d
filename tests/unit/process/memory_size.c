/* The memory there is for a process, read from made-up /proc and /sys trees. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/process/memory_size.h"

static char root[64];

static void write_file(const char *path, const char *content)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    cr_assert_not_null(file, "%s", full);
    fputs(content, file);
    fclose(file);
}

static void make_root(void)
{
    strcpy(root, "/tmp/weir-unit.XXXXXX");
    cr_assert_not_null(mkdtemp(root));
}

static void remove_root(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/memory"
#define NONE MEMORY_SIZE_UNLIMITED
enum { MOST_FILES = 4 };

static const struct {
    const char *what;
    const char *groups; /* /proc/self/cgroup; NULL: no such file */
    struct {
        const char *path, *content;
    } files[MOST_FILES];
    uint64_t expected;
} cases[] = {
    {"no /proc", NULL, {{NULL}}, NONE},
    {"an empty list", "", {{NULL}}, NONE},
    {"version 2, its own limit", "0::/a\n", {{V2 "/a/memory.max", "1048576\n"}}, 1048576},
    {"version 2, none", "0::/a\n", {{V2 "/a/memory.max", "max\n"}}, NONE},
    {"version 2, a parent is lower",
     "0::/a/b/c\n",
     {{V2 "/a/b/c/memory.max", "3000\n"}, {V2 "/a/b/memory.max", "max\n"}, {V2 "/a/memory.max", "2000\n"}},
     2000},
    {"version 2, a parent is higher",
     "0::/a/b\n",
     {{V2 "/a/b/memory.max", "1000\n"}, {V2 "/a/memory.max", "2000\n"}},
     1000},
    {"version 2, in a container that sees only its own group",
     "0::/docker/0123456789abcdef\n",
     {{V2 "/memory.max", "4096\n"}},
     4096},
    {"version 2, the root group", "0::/\n", {{V2 "/memory.max", "5000\n"}}, 5000},
    {"version 2, a path that leaves the namespace", "0::/../x\n", {{V2 "/memory.max", "6000\n"}}, 6000},
    {"version 2, a name that begins alike is no parent",
     "0::/abc\n",
     {{V2 "/ab/memory.max", "1\n"}, {V2 "/abc/memory.max", "70\n"}},
     70},
    {"version 1", "3:memory:/a\n", {{V1 "/a/memory.limit_in_bytes", "8192\n"}}, 8192},
    {"version 1, among others",
     "12:pids:/p\n5:cpu,memory,blkio:/a/b\n1:name=systemd:/s\n",
     {{V1 "/a/memory.limit_in_bytes", "9000\n"}, {V1 "/p/memory.limit_in_bytes", "1\n"}},
     9000},
    {"version 1, other controllers' names do not count",
     "5:memoryx,xmemory:/a\n",
     {{V1 "/a/memory.limit_in_bytes", "1\n"}},
     NONE},
    {"version 1's word for none is a large number",
     "3:memory:/a\n",
     {{V1 "/a/memory.limit_in_bytes", "9223372036854771712\n"}},
     9223372036854771712u},
    {"both, memory under version 1",
     "4:memory:/a\n0::/a\n",
     {{V1 "/a/memory.limit_in_bytes", "700\n"}, {V2 "/a/memory.max", "max\n"}},
     700},
    {"both, memory under version 2",
     "4:cpu:/a\n0::/a\n",
     {{V1 "/a/memory.limit_in_bytes", "1\n"}, {V2 "/a/memory.max", "800\n"}},
     800},
    {"lines that make no sense", "garbage\n7\n8:memory\n0::/a\n", {{V2 "/a/memory.max", "900\n"}}, 900},
    {"a file that makes no sense", "0::/a\n", {{V2 "/a/memory.max", "lots\n"}}, NONE},
    {"an empty file", "0::/a\n", {{V2 "/a/memory.max", ""}}, NONE},
    {"a number beyond 64 bits", "0::/a\n", {{V2 "/a/memory.max", "99999999999999999999\n"}}, NONE},
    {"the last line without an end", "0::/a", {{V2 "/a/memory.max", "1\n"}}, NONE},
};

Test(memory_size, control_groups)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_root();
        if (cases[i].groups != NULL)
            write_file("/proc/self/cgroup", cases[i].groups);
        for (size_t j = 0; j < MOST_FILES && cases[i].files[j].path != NULL; j++)
            write_file(cases[i].files[j].path, cases[i].files[j].content);
        errno = ERANGE;
        uint64_t got = memory_size_of_cgroup(root);
        cr_expect_eq(got, cases[i].expected, "%s: %llu", cases[i].what, (unsigned long long)got);
        cr_expect_eq(errno, ERANGE, "errno is kept");
        remove_root();
    }
}

/* Paths around the size of the buffers. A path that is too long is skipped, and the limits of the groups
 * above it count. A line of /proc/self/cgroup that does not fit counts for nothing. */
Test(memory_size, long_paths)
{
    static char groups[8192];
    for (size_t length = 3900; length < 4200; length += 7) {
        make_root();
        memcpy(groups, "0::/", 4);
        for (size_t i = 4; i < length; i++)
            groups[i] = i % 100 == 0 ? '/' : 'd';
        groups[length] = '\n';
        groups[length + 1] = '\0';
        write_file("/proc/self/cgroup", groups);
        write_file(V2 "/memory.max", "4096\n");
        cr_expect_eq(memory_size_of_cgroup(root), length + 1 < 4096 ? 4096 : NONE, "length %zu", length);
        remove_root();
    }
}

Test(memory_size, this_machine)
{
    uint64_t machine = memory_size_of_machine(), available = memory_size_available();
    cr_expect_gt(machine, (uint64_t)16 << 20);
    cr_expect_lt(machine, (uint64_t)1 << 50);
    cr_expect_leq(available, machine);
    cr_expect_gt(available, (uint64_t)1 << 20);
}

/* --- a group that is resized --- */

static uint64_t watched(void)
{
    uint64_t bytes = 0;
    cr_assert(memory_size_watched(&bytes));
    return bytes;
}

static void expect_followed(const char *groups, const char *file, const char *parent)
{
    make_root();
    write_file("/proc/self/cgroup", groups);
    write_file(file, "1048576\n");
    write_file(parent, "max\n");
    memory_size_watch(root);
    cr_expect_eq(watched(), 1048576);
    write_file(file, "2097152\n");
    cr_expect_eq(watched(), 2097152, "grown");
    write_file(parent, "4096\n");
    cr_expect_eq(watched(), 4096, "the parent's is lower");
    write_file(parent, "max\n");
    write_file(file, "max\n");
    cr_expect_eq(watched(), memory_size_of_machine(), "no limit any more");
    write_file(file, "12 34\n");
    cr_expect_eq(watched(), memory_size_of_machine(), "what is no limit does not count");
    write_file(parent, "");
    uint64_t bytes;
    cr_expect_not(memory_size_watched(&bytes), "nothing left that is one");
    remove_root();
}

Test(memory_size, a_group_of_version_2_is_followed)
{
    expect_followed("0::/a/b\n", V2 "/a/b/memory.max", V2 "/a/memory.max");
}

Test(memory_size, a_group_of_version_1_is_followed)
{
    expect_followed("4:memory:/a/b\n", V1 "/a/b/memory.limit_in_bytes", V1 "/a/memory.limit_in_bytes");
}

Test(memory_size, without_groups_there_is_nothing_to_follow)
{
    make_root();
    memory_size_watch(root);
    uint64_t bytes;
    cr_expect_not(memory_size_watched(&bytes));
    remove_root();
}
