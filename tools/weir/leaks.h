/* leaks: `weir run --leaks`: the program runs as a child, and when it has ended its leaks are printed. */
#ifndef WEIR_TOOLS_LEAKS_H
#define WEIR_TOOLS_LEAKS_H

#include <stdbool.h>

/* Returns in the child, which becomes the program: true, or false when it could not be arranged. The parent waits,
 * prints the leaks to the file (NULL: stderr) and ends as the child did. */
bool leaks_fork(const char *file);

#endif
