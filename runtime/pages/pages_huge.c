/* pages_huge: the entry points of pages.h for huge objects, which take the lock and call huge. */
#include <errno.h>

#include "runtime/pages/commitment.h"
#include "runtime/pages/huge.h"
#include "runtime/pages/limit.h"
#include "runtime/pages/pages.h"
#include "runtime/pages/pages_lock.h"

static void *take_huge(size_t *size, size_t alignment, bool zeroed, size_t moved, bool *refused)
{
    lock_acquire(&pages_lock);
    void *memory = huge_take(size, alignment, zeroed, moved, refused);
    lock_release(&pages_lock);
    if (memory && zeroed)
        huge_clear(memory, *size);
    return memory;
}

static void *take_huge_or_ask(size_t *size, size_t alignment, bool zeroed, size_t moved)
{
    bool refused;
    alignment = alignment < SLOT_SIZE ? SLOT_SIZE : alignment;
    void *memory = take_huge(size, alignment, zeroed, moved, &refused);
    if (UNLIKELY(refused) && limit_ask_program(*size))
        memory = take_huge(size, alignment, zeroed, moved, &refused);
    if (!memory)
        errno = ENOMEM;
    return memory;
}

void *pages_take_huge(size_t *size, size_t alignment, bool zeroed)
{
    return take_huge_or_ask(size, alignment, zeroed, 0);
}

void *pages_take_huge_to_move(size_t *size, size_t moved)
{
    return take_huge_or_ask(size, SLOT_SIZE, false, moved);
}

bool pages_not_moved(size_t moved)
{
    lock_acquire(&pages_lock);
    bool granted = limit_admit(moved);
    page_stats.huge_moving -= moved;
    lock_release(&pages_lock);
    return granted;
}

void pages_give_huge(void *memory, size_t size)
{
    lock_acquire(&pages_lock);
    huge_give(memory, size, 0);
    lock_release(&pages_lock);
}

void pages_give_huge_without(void *memory, size_t size, size_t gone, bool moved)
{
    lock_acquire(&pages_lock);
    page_stats.huge_moving -= moved ? gone : 0;
    huge_give(memory, size, gone);
    lock_release(&pages_lock);
}

void pages_give_huge_uncommitted(void *memory, size_t size)
{
    lock_acquire(&pages_lock);
    commitment_give_huge(memory, size);
    lock_release(&pages_lock);
}

size_t pages_extend_huge(void *memory, size_t size, size_t wanted)
{
    lock_acquire(&pages_lock);
    size_t now = huge_extend(memory, size, wanted);
    lock_release(&pages_lock);
    return now;
}

size_t pages_shrink_huge(void *memory, size_t size, size_t wanted)
{
    lock_acquire(&pages_lock);
    size_t now = huge_shrink(memory, size, wanted);
    lock_release(&pages_lock);
    return now;
}
