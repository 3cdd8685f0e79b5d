/* tend: giving back what the heaps of other threads do not use.
 *
 * A thread that sleeps keeps the cells in its cache, and does not take back those of its cells that others
 * have freed. So when memory is short another thread, the tender, does that for it, while the owner is
 * provably outside of the heap:
 *
 *   1. The tender revokes the bias of the heap's slow paths (bias.h).
 *   2. It turns the heap's fast paths into slow ones: malloc finds no class (cache.class_of), and free no
 *      span of its own (span->owner). Both are harmless to an owner that is running.
 *   3. After a fence of all threads it asks the kernel where the owner is (process/asleep.h). If the owner
 *      waits in a system call, it is not in the middle of a fast path that it began before, and cannot begin
 *      one.
 *   4. The tender gives back what it can. The heap is then at rest, and is not looked at until its owner
 *      comes to a slow path, or another thread sends it cells (tend_queue.h).
 *
 * An owner that runs is left alone, because it will come to a slow path soon. So is an owner whose place the
 * kernel does not tell. */
#ifndef WEIR_MALLOC_TEND_H
#define WEIR_MALLOC_TEND_H

#include <stdbool.h>
#include <stdint.h>

/* Tend the other heaps in which something was done since they were tended last. `every`: try all of them;
 * else give up after several that could not be tended, and go on there the next time. The calling thread has
 * a heap, and holds no lock of rank LOCK_RANK_HEAPS or higher. */
void tend_all(bool every);

/* How often a heap was looked at, ever: for tests. */
uint64_t tend_looks(void);

#endif
