/* column: see column.h. */
#include "runtime/profile/column.h"

#include <stdatomic.h>

#include "runtime/os/os.h"
#include "runtime/pages/pages.h"

enum { COMMIT = 1 << 18 };

static _Atomic size_t all;

size_t column_bytes(void)
{
    return atomic_load(&all);
}

bool column_reserve(heap_column_t *column, size_t bytes)
{
    column->reserved = (bytes + COMMIT - 1) & ~(size_t)(COMMIT - 1);
    column->start = os_reserve(column->reserved, OS_PAGE);
    return column->start != NULL;
}

bool column_extend(heap_column_t *column, size_t bytes)
{
    while (bytes > column->committed) {
        if (column->committed == column->reserved || !os_commit(column->start + column->committed, COMMIT))
            return false;
        column->committed += COMMIT;
        atomic_fetch_add(&page_stats.metadata, COMMIT);
        atomic_fetch_add(&all, COMMIT);
    }
    return true;
}
