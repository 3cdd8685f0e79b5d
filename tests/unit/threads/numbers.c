/* numbers: when two heaps have one number, the older heap is found; the cost of a thread does not grow with
 * the number of threads. */
#include <criterion/criterion.h>

#include "runtime/threads/numbers.h"
#include "tests/unit/support.h"

enum { HEAPS = 20000, FIRST = 1 << 22 /* beyond the kernel's */ };
static heap_t *heaps_made[HEAPS];

static void make_heaps(void)
{
    cr_assert(heap_malloc(1) != NULL);
    lock_acquire(&heaps.lock);
    for (int i = 0; i < HEAPS; i++) {
        heaps_made[i] = pages_metadata(sizeof(heap_t));
        cr_assert(heaps_made[i] != NULL);
    }
    lock_release(&heaps.lock);
}

Test(numbers, the_heap_that_had_the_number_before_is_found_and_no_other)
{
    make_heaps();
    uint64_t seed = 7;
    static heap_t *holder[512]; /* of each number: the model */
    lock_acquire(&heaps.lock);
    for (int i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005u + 1;
        heap_t *heap = heaps_made[seed >> 33 & 1023];
        int number = FIRST + (int)(seed >> 44 & 511);
        if (heap->number)
            holder[heap->number - FIRST] = NULL;
        if (seed >> 60 == 0) {
            numbers_leave(heap);
            continue;
        }
        cr_assert_eq(numbers_enter(heap, number), holder[number - FIRST]);
        holder[number - FIRST] = heap;
    }
    for (int i = 0; i < HEAPS; i++)
        numbers_leave(heaps_made[i]); /* they are in no list of heaps */
    numbers_forget_others(heaps_made[0], FIRST);
    cr_assert_eq(numbers_enter(heaps_made[1], FIRST), heaps_made[0]);
    numbers_leave(heaps_made[1]);
    lock_release(&heaps.lock);
}

Test(numbers, a_threads_cost_does_not_grow_with_the_number_of_threads)
{
    make_heaps();
    lock_acquire(&heaps.lock);
    uint64_t before = numbers_steps();
    for (int i = 0; i < HEAPS; i++)
        numbers_enter(heaps_made[i], 2000000 + i * 3); /* as the kernel hands them out, with gaps */
    for (int i = 0; i < HEAPS; i++)
        numbers_leave(heaps_made[i]);
    uint64_t steps = numbers_steps() - before;
    lock_release(&heaps.lock);
    cr_assert_lt(steps, 8u * HEAPS, "%llu steps for %d threads", (unsigned long long)steps, HEAPS);
}
