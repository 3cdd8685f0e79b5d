/* weir/heap.h: manual memory: the program allocates, the program frees.
 *
 * These are the functions of malloc under other names, so that a program can put some of its memory on weir
 * and leave the rest to the C library. In a program that runs on libweir-malloc.so both use the same heap.
 *
 * These rules hold for every function here:
 *   units        sizes and alignments are bytes.
 *   alignment    16 bytes (enough for max_align_t), unless a larger one is asked for.
 *   ownership    a block belongs to the caller until it is passed to weir_free, weir_free_sized or
 *                weir_realloc; any thread may do that, not only the one that allocated it.
 *   threads      all functions may be called from any thread at any time, except from a signal handler that
 *                may have interrupted one of them.
 *   failure      NULL with errno = ENOMEM: the size exceeds PTRDIFF_MAX, or the kernel refuses, or the hard
 *                limit (weir/control.h) does. Success leaves errno alone.
 *   misuse       freeing a block twice, or an address inside a block, ends the program with one line on
 *                stderr; with WEIR_DEBUG=onerror=warn the line is printed and the call does nothing.
 *                A block of another allocator is reported and left alone.
 */
#ifndef WEIR_HEAP_H
#define WEIR_HEAP_H

#include <stddef.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* Free a block. NULL does nothing. Keeps errno. As C's free. */
WEIR_API void weir_free(void *block) WEIR_NOEXCEPT;

/* A block of at least size bytes whose contents are undefined. As C's malloc; a size of 0 gives an address
 * that differs from every other live block and may not be read or written. */
WEIR_API void *weir_malloc(size_t size) WEIR_NOEXCEPT WEIR_FREED_BY(weir_free)
    WEIR_ATTRIBUTE((alloc_size(1)));

/* A block for count elements of size bytes each, all bytes zero. ENOMEM when the product overflows. As C's
 * calloc. Fresh pages are zero already and are not written. */
WEIR_API void *weir_calloc(size_t count, size_t size) WEIR_NOEXCEPT WEIR_FREED_BY(weir_free)
    WEIR_ATTRIBUTE((alloc_size(1, 2)));

/* Change the size of a block: contents up to the smaller size are kept, the rest is undefined. The result may
 * be another address, and then the old one is freed. On failure the old block is untouched and still the
 * caller's. weir_realloc(NULL, n) is weir_malloc(n); weir_realloc(p, 0) frees p and returns NULL, as in
 * glibc. A block from weir_aligned_alloc may lose its larger alignment. As C's realloc. */
WEIR_API void *weir_realloc(void *block, size_t size) WEIR_NOEXCEPT WEIR_ATTRIBUTE((alloc_size(2)));

/* A block whose address is a multiple of alignment, which is any power of two (up to 16 this is weir_malloc).
 * NULL with EINVAL if alignment is not a power of two. The size need not be a multiple of it. As C17's
 * aligned_alloc.
 */
WEIR_API void *weir_aligned_alloc(size_t alignment, size_t size) WEIR_NOEXCEPT WEIR_FREED_BY(weir_free)
    WEIR_ATTRIBUTE((alloc_align(1), alloc_size(2)));

/* weir_free for a caller that knows the size that was asked for (by malloc, calloc's product, realloc or
 * aligned_alloc); another size is undefined. As C23's free_sized. */
WEIR_API void weir_free_sized(void *block, size_t size) WEIR_NOEXCEPT;

/* How many bytes the block really has: at least what was asked for. 0 for NULL and for memory that is not
 * weir's. All these bytes belong to the block, and weir never touches them. But a compiler that checks sizes
 * (gcc -D_FORTIFY_SOURCE=3, sanitizers) allows only the size that it saw being asked for. A caller that wants
 * to use all bytes therefore calls weir_realloc(block, weir_usable_size(block)), which leaves the block in
 * place. All this also holds for malloc_usable_size. */
WEIR_API size_t weir_usable_size(const void *block) WEIR_NOEXCEPT;

WEIR_API_END

#endif
