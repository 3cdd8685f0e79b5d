/* side_table: see side_table.h. */
#include "runtime/gc/cells/side_table.h"

#include <string.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/os/check.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/world.h"

enum { ROOM_MIN = 1 << 8, ROOM_SHIFT_MAX = 31 };

/* One block of memory holds all three arrays: records, strong, buckets, `room` of each. */
static struct {
    lock_t lock;
    side_record_t *records;
    strong_t *strong;
    uint32_t *buckets;
    uint32_t room; /* a power of two; 0: nothing yet */
    uint32_t end;  /* records ever used, and number 0 */
    uint32_t free; /* the first free record, linked by next; 0: none */
} store = {.lock = LOCK_INIT(LOCK_RANK_SIDE_TABLE)};

uint32_t side_table_end(void)
{
    return store.end;
}

side_record_t *side_table_at(uint32_t number)
{
    DEBUG_CHECK(number > 0 && number < store.end);
    return &store.records[number];
}

strong_t *side_table_strong(uint32_t number)
{
    return &store.strong[number];
}

bool side_table_lock(void)
{
    if (!thread_heap())
        return false;
    world_enter();
    lock_acquire(&store.lock);
    return true;
}

void side_table_unlock(void)
{
    lock_release(&store.lock);
    world_leave();
    thread_return_borrowed();
}

/* --- the chains --- */

/* Fibonacci hashing (Knuth, 6.4): needed because objects lie side by side, 16 bytes apart. */
static uint32_t *record_bucket(uintptr_t object)
{
    uint64_t hash = (object >> CELL_SHIFT) * 0x9e3779b97f4a7c15u;
    return &store.buckets[hash >> 32 & (store.room - 1)];
}

static void link_record(uint32_t number)
{
    side_record_t *record = side_table_at(number);
    uint32_t *head = record_bucket(record->object);
    record->prev = 0;
    record->next = *head;
    if (*head)
        side_table_at(*head)->prev = number;
    *head = number;
}

void side_table_unhook(uint32_t number)
{
    side_record_t *record = side_table_at(number);
    if (record->prev)
        side_table_at(record->prev)->next = record->next;
    else
        *record_bucket(record->object) = record->next;
    if (record->next)
        side_table_at(record->next)->prev = record->prev;
}

uint32_t side_table_next_of(uintptr_t object, uint32_t after)
{
    if (!store.room)
        return 0;
    uint32_t number = after ? side_table_at(after)->next : *record_bucket(object);
    while (number && side_table_at(number)->object != object)
        number = side_table_at(number)->next;
    return number;
}

uint32_t side_table_find(uintptr_t object, enum side_kind kind)
{
    uint32_t number = side_table_next_of(object, 0);
    while (number && side_table_at(number)->kind != kind)
        number = side_table_next_of(object, number);
    return number;
}

/* --- the memory --- */

static size_t store_bytes(uint32_t room)
{
    return os_page_up(room * (sizeof *store.records + sizeof *store.strong + sizeof *store.buckets));
}

static void store_use(void *memory, uint32_t room)
{
    store.records = memory;
    store.strong = (strong_t *)(void *)(store.records + room);
    store.buckets = (uint32_t *)(void *)(store.strong + room);
    store.room = room;
}

static bool store_grow(void)
{
    uint32_t old = store.room, room = old ? 2 * old : ROOM_MIN;
    void *memory = room >> ROOM_SHIFT_MAX ? NULL : os_take(store_bytes(room));
    if (!memory)
        return false;
    side_record_t *records = store.records;
    strong_t *strong = store.strong;
    store_use(memory, room);
    atomic_fetch_add_explicit(&page_stats.metadata, store_bytes(room) - (old ? store_bytes(old) : 0),
                              memory_order_relaxed);
    if (!old) {
        store.end = 1;
        return true;
    }
    memcpy(store.records, records, old * sizeof *records);
    memcpy(store.strong, strong, old * sizeof *strong);
    os_unreserve(records, store_bytes(old));
    for (uint32_t number = 1; number < store.end; number++)
        if (store.records[number].object) /* not one that is free or in the finalizer queue */
            link_record(number);
    return true;
}

uint32_t side_table_add(uintptr_t object, enum side_kind kind)
{
    if (!store.free && store.end == store.room && !store_grow())
        return 0;
    uint32_t number = store.free;
    if (number)
        store.free = side_table_at(number)->next;
    else
        number = store.end++;
    side_record_t *record = side_table_at(number);
    *record = (side_record_t){.object = object, .kind = (uint8_t)kind, .generation = record->generation + 1};
    collected_set_flag(span_of_slot(region_slot((const void *)object)), COLLECTED_HAS_RECORD);
    link_record(number);
    return number;
}

void side_table_free(uint32_t number)
{
    side_record_t *record = side_table_at(number);
    *side_table_strong(number) = (strong_t){0};
    *record = (side_record_t){.next = store.free, .generation = record->generation};
    store.free = number;
}

void side_table_move(uint32_t number, uintptr_t object)
{
    side_table_unhook(number);
    side_table_at(number)->object = object;
    collected_set_flag(span_of_slot(region_slot((const void *)object)), COLLECTED_HAS_RECORD);
    link_record(number);
}

void side_table_roots(uintptr_t *from, uintptr_t *to)
{
    *from = (uintptr_t)store.strong;
    *to = (uintptr_t)(store.strong + store.end);
}

/* --- fork --- */

bool side_table_before_fork(void)
{
    return lock_acquire_soon(&store.lock);
}

bool side_table_may_repair(void)
{
    return lock_may_repair(&store.lock);
}

void side_table_after_fork(bool child)
{
    lock_after_fork(&store.lock, child);
}
