/* shared: reading the figures of a process from the page that it shares (runtime/http/shared_page.h). */
#ifndef WEIR_TOOLS_CONTROL_SHARED_H
#define WEIR_TOOLS_CONTROL_SHARED_H

#include <sys/types.h>

/* The figures of now, a JSON object, freed by the caller; NULL: the process shares no page, or does not
 * answer. */
char *shared_read(pid_t process);

#endif
