/* leaks: `weir run --leaks`: the program runs as a child, and its leaks are printed when it has ended; those
 * of processes that it leaves behind when these end, by a process that stays in the background until then.
 */
#ifndef WEIR_TOOLS_LEAKS_H
#define WEIR_TOOLS_LEAKS_H

#include <stdbool.h>

/* Returns in the child, which becomes the program: true, or false when it could not be arranged. The parent
 * waits and ends as the program does; the leaks go to the file (NULL: stderr). */
bool leaks_fork(const char *file);

#endif
