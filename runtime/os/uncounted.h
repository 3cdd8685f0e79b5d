/* uncounted: threads that the C library does not count. It ends the process with status 0 when the last
 * thread that it counts ends: the first thread may leave by pthread_exit, and the others go on. So it must
 * not count the runtime's own threads, which never end.
 */
#ifndef WEIR_OS_UNCOUNTED_H
#define WEIR_OS_UNCOUNTED_H

/* The caller has started a thread of the runtime: it does not count. */
void uncounted_began(void);
/* Called by such a thread if it ends after all, since the C library then counts it off. */
void uncounted_ends(void);

#endif
