/* naive: a second tracer that shares nothing with the first but the roots: one thread, one stack, no
 * prefetching, its own bits. WEIR_DEBUG=gcverify=1 has it run after each marking; both have to find the same
 * objects. */
#ifndef WEIR_COLLECT_NAIVE_H
#define WEIR_COLLECT_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With the world stopped, before the marker takes the roots: does a thread run all the same? */
void naive_prepare(void);

/* With the world stopped and marking done: ends the program with a line if an object that the roots reach is
 * not marked, or if they reach another number of objects; a stray word may also lead to some of the `black`
 * cells, which were marked before. False: there was no memory to look. */
bool naive_verify(uintptr_t here, size_t objects, size_t black, bool floats);

#endif
