/* metadata: see metadata.h. Pieces are mapped as they are needed and cut from the front. */
#include "runtime/pages/metadata.h"

#include "runtime/os/os.h"
#include "runtime/pages/commitment.h"
#include "runtime/pages/pages_state.h"

enum { METADATA_PIECE = 256 * 1024 };

/* Room for the heap of a program of one thread, which then maps no metadata of its own. */
static _Alignas(64) char first[OS_PAGE];

static struct {
    char *next, *end; /* the unused rest of the last piece */
} metadata = {.next = first, .end = first + sizeof first};

static bool map_piece(size_t size)
{
    size_t piece = size > METADATA_PIECE ? size : METADATA_PIECE;
    char *start = os_take(piece);
    if (!start)
        return false;
    metadata.next = start;
    metadata.end = start + piece;
    return true;
}

void *metadata_take(size_t size)
{
    size = (size + 63) & ~(size_t)63;
    while ((size_t)(metadata.end - metadata.next) < size) /* others may come while room is made */
        if (!map_piece(size) && !commitment_make_room())
            return NULL;
    void *memory = metadata.next;
    metadata.next += size;
    atomic_fetch_add_explicit(&page_stats.metadata, size, memory_order_relaxed);
    return memory;
}
