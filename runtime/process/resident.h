/* resident: how much anonymous memory of the process is resident, asked often.
 *
 *     anonymous = resident - shared          of /proc/self/statm; shared: pages of files, and of shared
 *                                            memory
 *
 * Stacks, heaps of other allocators and private mappings count; pages of files, which the kernel can take
 * back, and page tables do not. The file is opened before it is needed, so that a reading is one system call,
 * pread, on a buffer on the stack. On kernels from 6.2 on a figure may lag behind by some 128 KiB a
 * processor, on older ones by 256 KiB a thread.
 *
 * The caller has to let in one thread at a time. errno is kept. */
#ifndef WEIR_PROCESS_RESIDENT_H
#define WEIR_PROCESS_RESIDENT_H

#include <stdbool.h>
#include <stddef.h>

/* Open the file, out of the way of the program's descriptors (descriptor.h). False: there is none. A second
 * call does nothing. */
bool resident_open(void);
/* Bytes. False: not open, the program has closed the descriptor or put another file there, or it has begun to
 * filter its system calls. */
bool resident_read(size_t *bytes);
/* In the child of a fork the open file is the parent's: open the child's own. */
void resident_after_fork_child(void);

/* For tests: parse the content of such a file. False: it has another form. */
bool resident_parse(const char *line, size_t *bytes);

#endif
