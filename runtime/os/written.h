/* written: all that a process has written, as the kernel knows it: the mappings of /proc/thread-self/maps and, page by page,
 * /proc/thread-self/pagemap. Pages that nobody has touched are not touched by looking, so that neither a large reservation
 * nor what lies behind the end of a mapped file is a danger.
 */
#ifndef WEIR_OS_WRITTEN_H
#define WEIR_OS_WRITTEN_H

#include <stdbool.h>
#include <stdint.h>

typedef void written_range(uintptr_t from, uintptr_t to);

/* Call the function for each private mapping that may be read and written. False: it cannot be found out. One caller at a
 * time; only system calls, no lock. */
bool written_each_mapping(written_range *mapping);

/* Of a mapping, those pages that have been written; false: it cannot be found out. */
bool written_each_run(uintptr_t from, uintptr_t to, written_range *run);

/* May the process ask at all? */
bool written_is_known(void);

#endif
