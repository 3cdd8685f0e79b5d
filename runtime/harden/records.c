/* records: see records.h. Unused arrays are kept in lists by size, rounded up to that of a size class. */
#include "runtime/harden/records.h"

#include <string.h>

#include "runtime/cells/classes.h"
#include "runtime/pages/pages.h"

typedef struct cell_records {
    struct cell_records *next; /* in the list of its size */
    uint32_t cell_size;        /* of the cells that the records are for */
    uint32_t cls;              /* the size class of this array */
    record_t of[];             /* by the cell's number in the slot */
} cell_records_t;

typedef struct chunk_records {
    record_t large[CHUNK_SLOTS];
    cell_records_t *cells[CHUNK_SLOTS]; /* NULL as long as the slot has not had cells */
} chunk_records_t;

enum { GROUP = 512 /* chunks */ };

static struct {
    chunk_records_t **
        *groups; /* by the chunk's place in the region: two levels, for most of it is never used */
    cell_records_t *unused[CLASS_COUNT];
} records;

static chunk_records_t *of_chunk(uint32_t slot)
{
    uint32_t chunk = slot / CHUNK_SLOTS;
    chunk_records_t **group = records.groups ? records.groups[chunk / GROUP] : NULL;
    return group ? group[chunk % GROUP] : NULL;
}

static bool appears(void **table, size_t size)
{
    if (!*table)
        *table = pages_metadata(size);
    return *table != NULL;
}

record_t *records_large(uint32_t slot)
{
    chunk_records_t *chunk = of_chunk(slot);
    return chunk ? &chunk->large[slot % CHUNK_SLOTS] : NULL;
}

record_t *records_cell(uint32_t slot, uint32_t cell_size, uint32_t cell)
{
    chunk_records_t *chunk = of_chunk(slot);
    cell_records_t *cells = chunk ? chunk->cells[slot % CHUNK_SLOTS] : NULL;
    return cells && cells->cell_size == cell_size ? &cells->of[cell] : NULL;
}

bool records_make_large(uint32_t slot)
{
    uint32_t chunk = slot / CHUNK_SLOTS;
    size_t groups = region.size / CHUNK_SIZE / GROUP + 1;
    return appears((void **)&records.groups, groups * sizeof(chunk_records_t **)) &&
           appears((void **)&records.groups[chunk / GROUP], GROUP * sizeof(chunk_records_t *)) &&
           appears((void **)&records.groups[chunk / GROUP][chunk % GROUP], sizeof(chunk_records_t));
}

static cell_records_t *take_record(uint32_t cls)
{
    cell_records_t *cells = records.unused[cls];
    if (!cells)
        return pages_metadata(class_size(cls));
    records.unused[cls] = cells->next;
    return cells;
}

static void give_back_record(cell_records_t *cells)
{
    cells->next = records.unused[cells->cls];
    records.unused[cells->cls] = cells;
}

bool records_make_cells(uint32_t slot, uint32_t cell_size)
{
    if (!records_make_large(slot))
        return false;
    cell_records_t **cells = &of_chunk(slot)->cells[slot % CHUNK_SLOTS];
    if (*cells && (*cells)->cell_size == cell_size)
        return true;
    uint32_t cls = class_of(sizeof(cell_records_t) + SLOT_SIZE / cell_size * sizeof(record_t));
    if (*cells && (*cells)->cls != cls) {
        give_back_record(*cells);
        *cells = NULL;
    }
    if (!*cells)
        *cells = take_record(cls);
    if (!*cells)
        return false;
    memset(*cells, 0, class_size(cls));
    (*cells)->cell_size = cell_size;
    (*cells)->cls = cls;
    return true;
}
