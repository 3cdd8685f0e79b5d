/* path: a shortest path from a root to an object; include/weir/path.h is the manual.
 *
 * With the world stopped the second tracer (reftrace.h) runs, without a marking before: it goes breadth
 * first, and notes which word led to each object. From the object these notes lead back to the root, whose
 * kind is then asked for once more (roots.h). The calling thread's stack comes last, and only if nothing else
 * leads to the object.
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
    char name[PATH_NAME]; /* of the root, if it is an arena or a pool: steps[0].symbol, unless it is "" */
    weir_path_step steps[PATH_STEPS]; /* modules and their symbols are not filled in */
} path_t;

/* Under the collector's lock, everything being swept; the caller's own stack begins at `here`. 0, or what
 * errno is to say. */
int path_find(uintptr_t here, const void *p, path_t *path);

#endif
