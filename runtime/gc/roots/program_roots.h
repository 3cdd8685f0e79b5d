/* program_roots: the ranges that the program has registered as roots, found by their start: adding and
 * removing cost the same however many there are.
 *
 *     buckets[hash of start] --> range --> range --> 0      the last added first
 *
 * The ranges stand in one array without holes.
 *
 * Under the lock of roots.h.
 */
#ifndef WEIR_GC_ROOTS_PROGRAM_ROOTS_H
#define WEIR_GC_ROOTS_PROGRAM_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: out of memory. */
bool program_roots_add(uintptr_t start, size_t size);
/* The last one added with this start; nothing if there is none. */
void program_roots_remove(uintptr_t start);
/* Call the function for the whole words of each. */
void program_roots_each(void (*range)(uintptr_t from, uintptr_t to));

#endif
