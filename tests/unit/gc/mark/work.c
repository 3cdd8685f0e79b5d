/* work: spare markers, which join when they are needed. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#include "runtime/gc/mark/work.h"
#include "runtime/os/os.h"
#include "tests/unit/support.h"

static atomic_bool is_there;

static void *join_as_spare(void *joined)
{
    is_there = true;
    *(bool *)joined = work_join(1);
    if (*(bool *)joined)
        work_wait();
    return NULL;
}

static void begin(void)
{
    CHECK(work_prepare());
    work_clear();
    work_begin(2, 1);
    cr_assert(work_join(0), "the first is not spare");
    cr_expect_eq(work_hastened_ns(), 0u);
}

Test(work, a_spare_marker_joins_when_it_is_asked_to)
{
    pthread_t thread;
    bool joined = false;
    begin();
    pthread_create(&thread, NULL, join_as_spare, &joined);
    while (!is_there)
        os_yield();
    work_hasten();
    cr_expect_not(work_wait(), "there is no work, for neither");
    pthread_join(thread, NULL);
    cr_expect(joined);
    cr_expect_neq(work_hastened_ns(), 0u);
}

Test(work, a_spare_marker_that_was_asked_before_it_came_joins_at_once)
{
    pthread_t thread;
    bool joined = false;
    begin();
    work_hasten();
    pthread_create(&thread, NULL, join_as_spare, &joined);
    cr_expect_not(work_wait());
    pthread_join(thread, NULL);
    cr_expect(joined);
}

Test(work, a_spare_marker_that_nobody_needs_ends_with_the_others)
{
    pthread_t thread;
    bool joined = true;
    begin();
    pthread_create(&thread, NULL, join_as_spare, &joined);
    cr_expect_not(work_wait());
    pthread_join(thread, NULL);
    cr_expect_not(joined);
    cr_expect_eq(work_hastened_ns(), 0u);
    work_begin(2, 2);
    cr_expect(work_join(1), "none is spare");
}
