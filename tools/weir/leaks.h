/* leaks: `weir run --leaks`: the program runs as a child, and its leaks are printed when it has ended. A
 * process in the background stays until the processes that the program leaves behind have ended, and prints
 * the leaks of these.
 */
#ifndef WEIR_TOOLS_LEAKS_H
#define WEIR_TOOLS_LEAKS_H

#include <stdbool.h>

/* True: the caller is now the child, which becomes the program. False: it could not be arranged, and one line
 * has said why. The parent waits and ends as the program does. The leaks go to the file (NULL: stderr). */
bool leaks_fork(const char *file);

#endif
