/* tend: taking from the heaps of other threads what they do not use.
 *
 * A thread that sleeps keeps the cells of its cache and takes back nothing of what others have freed of its
 * cells. So when memory is wanted, another thread does that in its stead, while the owner is provably outside
 * the heap:
 *
 *   1. the bias of its slow paths is revoked (bias.h);
 *   2. its fast paths are turned into slow ones: malloc finds no class (cache.class_of), free no span of its
 *      own (span->owner). Both are harmless to an owner that runs at the time;
 *   3. after a fence of all threads the kernel is asked where the owner is (process/asleep.h). If it waits in
 *      a system call, it is not in the middle of a fast path that it began before, and cannot begin one;
 *   4. so it stays until the owner comes to a slow path: the heap is at rest, and is not looked at before
 *      (tend_queue.h).
 *
 * An owner that runs is left alone: it has slow paths of its own soon. So is one whose place cannot be
 * known. */
#ifndef WEIR_MALLOC_TEND_H
#define WEIR_MALLOC_TEND_H

#include <stdbool.h>
#include <stdint.h>

/* Tend the other heaps in which something was done since they were tended last, if they may be. `every`: all
 * of them; else it is given up after so many in vain, and goes on there next time. Not with a lock from
 * LOCK_RANK_HEAPS on. The calling thread has a heap. */
void tend_all(bool every);

/* How often a heap was looked at, ever: for tests. */
uint64_t tend_looks(void);

#endif
