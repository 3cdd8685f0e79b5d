/* huge_page: which spans of a heap of many sizes come by huge pages. Spans of one size: idle.c. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "tests/unit/support.h"

/* Threads that take `bytes` of each of eight sizes, and live on: so nobody takes over what they have left. They
 * take one after the other: sixteen that run at once have sixteen spans half full, and the rule is right to
 * begin no huge page then. */
typedef struct takers {
    size_t bytes;
    pthread_mutex_t turn;
    pthread_barrier_t taken, ended;
} takers_t;

static void *take_and_stay(void *of)
{
    takers_t *takers = of;
    pthread_mutex_lock(&takers->turn);
    for (size_t size = 64; size <= KIB(8); size *= 2)
        for (size_t sum = 0; sum < takers->bytes; sum += size)
            cr_assert_not_null(memset(heap_malloc(size), 1, size));
    pthread_mutex_unlock(&takers->turn);
    pthread_barrier_wait(&takers->taken);
    pthread_barrier_wait(&takers->ended);
    return NULL;
}

/* Returns the bytes of huge pages that came. */
static size_t take_in_threads(uint32_t threads, size_t bytes)
{
    enum { THREADS_MAX = 100 };
    pthread_t thread[THREADS_MAX];
    takers_t takers = {.bytes = bytes, .turn = PTHREAD_MUTEX_INITIALIZER};
    size_t huge = anon_huge_bytes();
    pthread_barrier_init(&takers.taken, NULL, threads + 1);
    pthread_barrier_init(&takers.ended, NULL, threads + 1);
    for (uint32_t i = 0; i < threads; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, take_and_stay, &takers), 0);
    pthread_barrier_wait(&takers.taken);
    huge = anon_huge_bytes() - huge;
    pthread_barrier_wait(&takers.ended);
    for (uint32_t i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    verify_own();
    return huge;
}

/* No thread takes so much of a size that a huge page would pay for that size alone: not even one that has the
 * heap of a thread before it. */
Test(huge_page, many_sizes_come_by_huge_pages_once_the_heap_has_grown_and_as_long_as_they_use_them_up)
{
    cr_expect_eq(take_in_threads(1, KIB(512)), 0, "a small heap");
    size_t huge = take_in_threads(16, KIB(480));
    cr_expect(huge > 0 || !may_have_huge_pages());
    size_t touched = PAGE_STAT(touched);
    cr_expect_leq(take_in_threads(100, 1), OS_HUGE_PAGE, "a cell of each size is no use");
    cr_expect_leq(PAGE_STAT(touched) - touched, MIB(8) / OS_PAGE);
}

/* The rest of its last huge page is free, and resident. Other spans may not take it. */
Test(huge_page, a_huge_page_for_one_size_is_not_used_up_before_its_slots_are_taken)
{
    for (size_t sum = 0; sum < MIB(33); sum += 64)
        cr_assert_not_null(memset(heap_malloc(64), 1, 64));
    cr_expect_eq(take_in_threads(100, 1), 0);
}
