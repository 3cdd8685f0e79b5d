/* block: see block.h. */
#include "arena/block.h"

#include <string.h>

#include "arena/quarantine.h"
#include "runtime/cells/cache.h"
#include "runtime/config/options.h"
#include "runtime/control/divert.h"
#include "runtime/heap/heap.h"
#include "runtime/os/check.h"
#include "runtime/os/os.h"
#include "runtime/profile/profile.h"
#include "runtime/threads/attach.h"

static arena_block_t *make(void *memory, size_t bytes, enum block_kind kind)
{
    arena_block_t *block = memory;
    *block =
        (arena_block_t){.start = (char *)memory + BLOCK_HEAD, .end = (char *)memory + bytes, .kind = kind};
    return block;
}

/* Blocks are counted in the calling thread's heap, like all allocations, so that threads share no word. */
static void count(size_t taken, size_t given)
{
    heap_t *self = thread_heap();
    if (self) {
        self->counts.arena_taken += taken;
        self->counts.arena_given += given;
    }
    thread_return_borrowed();
}

static arena_block_t *take_of_heap(size_t bytes, bool zero)
{
    bool huge = bytes == BLOCK_HUGE;
    void *memory = huge || options.collect ? heap_manual(huge ? BLOCK_HUGE : 16, bytes)
                   : zero                  ? heap_calloc(1, bytes)
                                           : heap_malloc(bytes);
    if (!memory)
        return NULL;
    if (huge)
        os_prefer_huge_pages(memory, bytes, true);
    if (zero && (huge || options.collect))
        memset(memory, 0, bytes);
    count(bytes, 0);
    return make(memory, bytes, BLOCK_OF_HEAP);
}

static arena_block_t *take_owned(size_t bytes, bool zero, block_owner_t owner)
{
    profile_owner_t before = profile_own(owner.name, PROFILE_ARENA);
    weir_account *account = divert_to(owner.account);
    arena_block_t *block = take_of_heap(bytes, zero);
    divert_to(account);
    profile_owner = before;
    return block;
}

arena_block_t *block_take(size_t bytes, enum block_kind kind, bool zero, block_owner_t owner)
{
    if (kind == BLOCK_OF_HEAP)
        return take_owned(bytes, zero, owner);
    void *memory = arena_quarantine_map(bytes);
    return memory ? make(memory, bytes, BLOCK_MAPPED) : NULL;
}

arena_block_t *block_lay(void *memory, size_t bytes)
{
    char *start = (char *)(((uintptr_t)memory + 15) & ~(uintptr_t)15);
    char *end = (char *)(((uintptr_t)memory + bytes) & ~(uintptr_t)15);
    return make(start, (size_t)(end - start), BLOCK_OF_CALLER);
}

size_t block_held(const arena_block_t *block)
{
    return block->kind == BLOCK_OF_CALLER ? 0 : (size_t)(block->end - (const char *)block);
}

/* The heap may next use one cell of these slots only, which must not make a whole huge page resident: so the
 * advice for huge pages is taken back. */
static void give_to_heap(arena_block_t *block, size_t bytes)
{
    if (bytes == BLOCK_HUGE)
        os_prefer_huge_pages(block, bytes, false);
    count(0, bytes);
    heap_free(block);
}

void block_give(arena_block_t *block)
{
    size_t bytes = block_held(block);
    if (block->kind == BLOCK_OF_HEAP)
        give_to_heap(block, bytes);
    else if (block->kind == BLOCK_MAPPED)
        arena_quarantine_put(block, bytes);
}

size_t block_cut(arena_block_t *block, char *from)
{
    size_t bytes = (size_t)(block->end - from);
    DEBUG_CHECK(block->kind == BLOCK_MAPPED && (uintptr_t)from % OS_PAGE == 0);
    if (bytes == 0)
        return 0;
    block->end = from;
    arena_quarantine_put(from, bytes);
    return bytes;
}
