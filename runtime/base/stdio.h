/* stdio: the lock that the C library has around its list of streams.
 *
 * glibc's fork takes it after the fork handlers, and fflush(NULL) and fclose take it before that of a stream,
 * under which getline and fopen allocate. So a fork handler that holds an allocator's locks takes this one
 * before them.
 */
#ifndef WEIR_BASE_STDIO_H
#define WEIR_BASE_STDIO_H

#include <stdbool.h>

/* Take it as fork would: not in a process of one thread, nor where the C library has no such lock. Recursive,
 * like the lock. True: taken. */
bool stdio_lock(void);
void stdio_unlock(void);
/* In the child of a fork, where the lock that the parent took has been made new by fork or has not: it is
 * free. */
void stdio_reset(void);

#endif
