/* roots: where tracing starts: static data, stacks, registers, thread-local memory, ranges that the program names. */
#ifndef WEIR_COLLECT_ROOTS_H
#define WEIR_COLLECT_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Can they be found? If not, nothing may be collected. */
bool roots_are_open(void);

/* Find the data of the program and of its libraries. With the world running: the dynamic linker has a lock. */
void roots_prepare(void);

/* Every range, with the world stopped; the caller's own stack begins at `here`. Ends are multiples of 8. */
void roots_each(uintptr_t here, void (*range)(uintptr_t from, uintptr_t to));

/* The program's own; under the collector's lock. False: out of memory. */
bool roots_add(uintptr_t start, size_t size);
void roots_remove(uintptr_t start);

#endif
