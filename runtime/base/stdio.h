/* stdio: the lock that the C library has around its list of streams.
 *
 * glibc's fork takes it after the fork handlers. fflush(NULL) and fclose take it before a stream's lock, and
 * getline and fopen allocate under a stream's lock. So the order is: this lock, a stream's lock, an
 * allocator's locks; and a fork handler that holds an allocator's locks has to take this one before them.
 */
#ifndef WEIR_BASE_STDIO_H
#define WEIR_BASE_STDIO_H

#include <stdbool.h>

/* Take it where fork would: not in a process of one thread, nor where the C library has no such lock. A
 * thread may take it several times. True: taken. */
bool stdio_lock(void);
void stdio_unlock(void);
/* In the child of a fork: make the lock free, whether glibc's fork has reset it already or not. */
void stdio_reset(void);

#endif
