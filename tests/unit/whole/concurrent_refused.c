/* concurrent_refused: every way in which the kernel may refuse what a trace beside the program needs. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <weir/gc.h>

#include "runtime/config/options.h"
#include "runtime/gc/cycle/trace.h"
#include "runtime/gc/cycle/watch.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"
#include "tests/unit/whole/concurrent_tests.h"

/* --- where it is not to be had --- */

static void forbid(int number)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = COUNT(program), .filter = program};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

static void check_in_a_stop(void)
{
    places_make();
    objects_make();
    move_all();
    collect();
    cr_expect_not(trace_last()->beside);
    cr_expect_eq(trace_last()->stops, 1);
    check_moved();
}

Test(concurrent_refused, without_userfaultfd_the_world_stops, .init = begin)
{
    forbid(SYS_userfaultfd);
    check_in_a_stop();
}

Test(concurrent_refused, without_a_pagemap_the_world_stops, .init = begin)
{
    forbid(SYS_ioctl);
    check_in_a_stop();
}

/* Objects that are watched lie between others that are not, so there are more ranges than one. */
Test(concurrent_refused, with_too_much_to_note_the_world_stops, .init = begin)
{
    static void *apart[10];
    for (size_t i = 0; i < COUNT(apart); i++)
        apart[i] = i % 2 ? weir_gc_alloc(50000) : weir_gc_alloc_noscan(50000);
    watch_set_range_limit(1);
    check_in_a_stop();
    watch_set_range_limit(0);
}

Test(concurrent_refused, switched_off_the_world_stops, .init = begin)
{
    options.gcconcurrent = OPTIONS_CONCURRENT_OFF;
    check_in_a_stop();
}

Test(concurrent_refused, a_small_heap_is_stopped, .init = begin)
{
    options.gcconcurrent = OPTIONS_CONCURRENT_ON;
    check_in_a_stop();
}

Test(concurrent_refused, within_the_budget_the_world_is_stopped, .init = begin)
{
    options.gcconcurrent = OPTIONS_CONCURRENT_ON;
    weir_gc();
    weir_gc_set_pause_budget(UINT64_MAX);
    cr_expect_eq(weir_gc_set_pause_budget(UINT64_MAX), UINT64_MAX - 1);
    check_in_a_stop();
    weir_gc_set_pause_budget(0);
    for (enum phase phase = 0; phase < PHASES; phase++)
        check_moves(move_all, phase);
}

/* As a program does that closes all descriptors which it does not know. */
static void close_userfaultfd(void)
{
    DIR *folder = opendir("/proc/self/fd");
    char path[300], target[64];
    for (struct dirent *entry; (entry = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length > 0 ? length : 0] = 0;
        if (strstr(target, "userfaultfd"))
            close(atoi(entry->d_name));
    }
    closedir(folder);
    move_all();
}

Test(concurrent_refused, a_closed_descriptor_costs_a_trace_in_the_stop, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        places_make();
        objects_make();
        collect_around(close_userfaultfd, phase);
        cr_expect_not(trace_last()->beside);
        cr_expect_eq(trace_last()->stops, 2);
        check_moved();
        check_moves(move_all, phase);
    }
}

/* New spans that do not fit into the list are looked through in the last stop. */
static void limit_ranges_and_move(void)
{
    watch_set_range_limit(1);
    move_to_new();
}

Test(concurrent_refused, spans_that_are_not_watched_are_looked_through, .init = begin)
{
    for (enum phase phase = 0; phase < PHASES; phase++) {
        check_moves(limit_ranges_and_move, phase);
        watch_set_range_limit(0);
    }
}
