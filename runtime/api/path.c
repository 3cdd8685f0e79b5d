/* path: the public functions for paths to objects. */
#include <weir/path.h>

#include <errno.h>

#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/debug/path.h"
#include "runtime/process/place.h"

/* A root in a mapping may be static data. The linker is asked while all threads run again, since it takes a
 * lock. */
static void name_static(weir_path_step *root)
{
    place_t place;
    root->module = "";
    if ((root->root != WEIR_ROOT_STATIC && root->root != WEIR_ROOT_MAPPING) || !place_find(root->at, &place))
        return;
    root->root = WEIR_ROOT_STATIC;
    root->offset = place.offset;
    root->module = place.module;
    root->symbol = place.symbol;
}

ptrdiff_t weir_gc_path(const void *p, bool (*visit)(void *ctx, const weir_path_step *step, size_t size),
                       void *ctx)
{
    path_t path;
    int error = gc_path(p, &path);
    if (error) {
        errno = error;
        return -1;
    }
    if (path.count > 0)
        name_static(&path.steps[0]);
    for (size_t i = 0; i < path.count; i++)
        if (!visit(ctx, &path.steps[i], sizeof path.steps[i]))
            break;
    return (ptrdiff_t)path.length;
}
