/* weir/walk.h: a walk through the heap, span by span: which blocks are in use, and which blocks keep pages
 * from going back to the kernel.
 *
 * A span is a range of pages that is cut into blocks of one size, or that has one large block. A page can be
 * given back to the kernel only if no block in use reaches into it. So a few surviving blocks can hold much
 * more memory than they take. `weir pins` prints this for a running program; it uses these functions.
 *
 *     blocks      | used |      | used |      |      |      |      | used |        used_blocks == 3
 *     pages       |  resident   |  resident   |   released  |  resident   |        resident == 3 pages
 *
 * Any thread may call these functions, except from signal handlers. They allocate nothing and stop no thread:
 * a block that is allocated or freed meanwhile may be seen as used or as free. If no other thread runs,
 * everything is exact.
 */
#ifndef WEIR_WALK_H
#define WEIR_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

typedef enum weir_span_kind {
    WEIR_SPAN_MANUAL,    /* of malloc and weir_malloc: freed by hand */
    WEIR_SPAN_COLLECTED, /* of weir_gc_alloc, or of malloc in collect mode */
} weir_span_kind;

/* Sizes are bytes. Blocks of a hardened heap have their guard bytes in them. */
typedef struct weir_span {
    const void *start;  /* of the first block; block i begins at start + i * block_size */
    size_t block_size;  /* the whole of a large block */
    size_t blocks;      /* how many blocks the span has room for; 1: a large block */
    size_t used_blocks; /* allocated and not freed; of collected blocks: not yet found unreachable */
    size_t resident;    /* an upper bound of the bytes of the span's pages that are resident */
    size_t pinned;      /* of these, bytes on pages that a block in use reaches into */
    weir_span_kind kind;
    const uint64_t *used; /* bit i % 64 of word i / 64: block i is in use. Valid until visit returns */
} weir_span;

WEIR_API_BEGIN

/* Call visit(ctx, span, size) for every span in which a block is in use, by ascending address, until it
 * returns false. `size` is the number of bytes of the struct that the library knows. visit is called with no
 * lock held and may do anything; it should allocate little, since what it allocates may be visited too. The
 * walk takes some hundred nanoseconds for each span. */
WEIR_API void weir_heap_walk(bool (*visit)(void *ctx, const weir_span *span, size_t size),
                             void *ctx) WEIR_NOEXCEPT;

WEIR_API_END

#endif
