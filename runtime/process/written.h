/* written: all that a process has written, as the kernel knows it: the mappings of /proc/thread-self/maps
 * and, page by page, /proc/thread-self/pagemap. Looking does not touch the pages: so a large reservation does
 * not become resident, and a mapping beyond the end of its file does not fault.
 *
 * This folder: what the kernel says of this process and its machine: what is mapped and from which file,
 * what was written, how much memory and how many processors there are.
 */
#ifndef WEIR_PROCESS_WRITTEN_H
#define WEIR_PROCESS_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/process/maps.h"

typedef void written_range(uintptr_t from, uintptr_t to);

/* The access that a mapping allows now. Pages that were written earlier count even if it allows no writing
 * now. ANONYMOUS: it is neither of a file nor the first thread's stack. */
enum {
    WRITTEN_MAY_READ = MAPS_MAY_READ,
    WRITTEN_MAY_WRITE = MAPS_MAY_WRITE,
    WRITTEN_MAY_EXECUTE = MAPS_MAY_EXECUTE,
    WRITTEN_IS_ANONYMOUS = MAPS_PRIVATE << 1
};
enum { WRITTEN_MAY = WRITTEN_MAY_READ | WRITTEN_MAY_WRITE | WRITTEN_MAY_EXECUTE };
typedef void written_mapping(uintptr_t from, uintptr_t to, unsigned may);

/* Call the function for each private mapping but the kernel's own ([vdso] and its like). False: it cannot be
 * found out. One caller at a time; only system calls, no lock. */
bool written_each_mapping(written_mapping *mapping);

/* Of a mapping that permits `may`, those pages that have been written; false: it cannot be found out. Pages
 * that fault although the mapping may be read (MADV_GUARD_INSTALL) hold nothing, and are left out. */
bool written_each_range(uintptr_t from, uintptr_t to, unsigned may, written_range *visit);

/* Copy, through the kernel, memory that may be unreadable or may be unmapped meanwhile. All of it lies in one
 * page. */
enum written_copied {
    WRITTEN_COPIED,
    WRITTEN_GONE,   /* nothing is mapped there any more, or a guard (MADV_GUARD_INSTALL) */
    WRITTEN_REFUSED /* the kernel does not let it be read, or whether it is mapped is not known */
};
enum written_copied written_copy(void *to, uintptr_t from, size_t size);

/* Can the process find these things out at all? */
bool written_is_known(void);

#endif
