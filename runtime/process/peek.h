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

/* Call `visit` for each run of pages of [from, to) that can be read. Meant for pages that the kernel reports
 * as swapped, since it reports pages on which every access faults (MADV_GUARD_INSTALL, poisoned memory) in
 * the same way. If the kernel does not tell, all count as readable. By any thread; keeps errno. */
void peek_each_readable(uintptr_t from, uintptr_t to,
                        void (*visit)(const void *context, uintptr_t from, uintptr_t to),
                        const void *context);

#endif
