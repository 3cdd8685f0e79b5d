/* zero: objects of zero bytes. Each has an address of its own in the zero zone, which is never readable: a
 * program that uses what it did not ask for stops there (as with OpenBSD's malloc). A table has one bit for
 * each address; its pages become resident as they are touched, and the lowest free address is taken first.
 */
#ifndef WEIR_MALLOC_ZERO_H
#define WEIR_MALLOC_ZERO_H

#include <stdbool.h>
#include <stdint.h>

/* NULL: all addresses are taken (a million live objects); the caller serves a small cell instead. */
void *zero_malloc(void);
bool zero_owns(const void *p);
/* False: it is not allocated. */
bool zero_free(void *p);
/* How many were ever allocated and freed. */
void zero_count(uint64_t *allocs, uint64_t *frees);
bool zero_before_fork(void);
void zero_after_fork(bool child);

#endif
