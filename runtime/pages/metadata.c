/* metadata: see metadata.h. Pieces are mapped as they are needed and cut from the front. */
#include "runtime/pages/metadata.h"

#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { METADATA_PIECE = 256 * 1024 };

/* Room for the heap of a program of one thread, which then maps no metadata of its own. */
static _Alignas(64) char first[OS_PAGE];

static struct {
    char *next, *end; /* the unused rest of the last piece */
} metadata = {.next = first, .end = first + sizeof first};

static void map_piece(size_t size)
{
    size_t piece = size > METADATA_PIECE ? size : METADATA_PIECE;
    metadata.next = os_take(piece);
    metadata.end = metadata.next ? metadata.next + piece : NULL;
}

void *metadata_take(size_t size)
{
    size = (size + 63) & ~(size_t)63;
    if ((size_t)(metadata.end - metadata.next) < size)
        map_piece(size);
    if (!metadata.next)
        return NULL;
    void *memory = metadata.next;
    metadata.next += size;
    atomic_fetch_add_explicit(&ledger.metadata, size, memory_order_relaxed);
    return memory;
}
