/* path: a shortest path from a root to an object; include/weir/path.h is the manual.
 *
 * With the world stopped, the reference tracer (reftrace.h) runs, without marking before it. It goes breadth
 * first, and notes which word led to each object. These notes lead from the object back to the root; another
 * pass over the roots (roots.h) then finds what kind of root it is. The calling thread's stack comes last,
 * and only if nothing else leads to the object.
 */
#ifndef WEIR_GC_DEBUG_PATH_H
#define WEIR_GC_DEBUG_PATH_H

#include <stddef.h>
#include <stdint.h>
#include <weir/path.h>

enum { PATH_NAME = 32, PATH_END = 32, PATH_STEPS = 1 + 2 * PATH_END }; /* objects at each end, and the root */

typedef struct path {
    size_t length;        /* objects, those left out included; 0: nothing leads there */
    size_t count;         /* steps */
    char name[PATH_NAME]; /* of the arena or pool that is the root, for steps[0].symbol; "": none */
    weir_path_step steps[PATH_STEPS]; /* modules and their symbols are not filled in */
} path_t;

/* Under the collector's lock, when everything is swept; the caller's own stack begins at `here`. Returns 0 or
 * an errno value. */
int path_find(uintptr_t here, const void *p, path_t *path);

#endif
