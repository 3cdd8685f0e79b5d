/* heap: manual memory. malloc and the public API are thin wrappers over these functions.
 *
 * Any thread may call any of these; what one thread allocated another may free. All results are aligned to 16
 * bytes. On failure they return NULL with errno = ENOMEM.
 *
 * This folder: the entry points: which part of the heap a size or an address belongs to; how threads come to
 * a heap and leave it.
 */
#ifndef WEIR_HEAP_HEAP_H
#define WEIR_HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/heap_call.h"

void *heap_malloc(size_t size);
void *heap_calloc(size_t count, size_t size);
/* Memory for parts of the runtime, which free it by heap_free. It is manual even under WEIR_COLLECT. size >
 * 0. */
void *heap_manual(size_t alignment, size_t size);
/* heap_realloc(p, 0) frees p and returns NULL, as glibc's realloc does. */
void *heap_realloc(void *p, size_t size);
/* alignment: a power of two */
void *heap_aligned(size_t alignment, size_t size);
/* Keeps errno. */
void heap_free(void *p);
/* Free a block; the caller repeats the size that it asked for. A size larger than the block is misuse. */
void heap_free_sized(void *p, size_t size);
/* Bytes that may be used at p; 0 for NULL, for an object of zero bytes and for what is not ours. */
size_t heap_usable_size(const void *p);
/* Bytes of the cell that starts at p or holds it; 0 if there is none. Checks nothing: for estimates. */
size_t heap_cell_size(const void *p);
bool heap_owns(const void *p);
/* heap_aligned for callers that say which call it is. The functions with fast paths are in calls.h. */
void *heap_aligned_as(size_t alignment, size_t size, enum heap_call call);

#endif
