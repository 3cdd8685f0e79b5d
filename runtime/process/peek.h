/* peek: reading memory of this process that another thread may unmap meanwhile: the kernel copies it
 * (process_vm_readv), and fails where a load would fault.
 */
#ifndef WEIR_PROCESS_PEEK_H
#define WEIR_PROCESS_PEEK_H

#include <stddef.h>
#include <stdint.h>

/* Copies [from, from + size), up to the first page that cannot be read; returns how many bytes it has copied.
 * A word that is being written may be copied in part. By any thread; keeps errno. */
size_t peek(void *to, uintptr_t from, size_t size);

/* Call `visit` for those of whole pages that a load may read, in runs. For pages that the kernel reports as
 * swapped: it reports so, too, those on which every access faults (MADV_GUARD_INSTALL, poisoned memory). All
 * count as readable if the kernel does not tell. As above. */
void peek_each_readable(uintptr_t from, uintptr_t to,
                        void (*visit)(const void *context, uintptr_t from, uintptr_t to),
                        const void *context);

#endif
