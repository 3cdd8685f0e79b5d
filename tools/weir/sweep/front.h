/* front: which settings are worth having: pure functions of points, time against memory.
 *
 * The Pareto front is made of the points that no other beats: none is better in one coordinate and at least
 * as good in the other. Along the front each step buys memory with time. The knee is where that stops paying:
 * with both coordinates scaled so that the front's ends are at (0, 1) and (1, 0), the point furthest below
 * the line between them (Satopää, Albrecht, Irwin and Raghavan, "Finding a 'Kneedle' in a Haystack", 2011).
 *
 *     memory |  a                        a, b, c, d: the front
 *            |   \    x                  x: beaten by b, which is faster and smaller
 *            |    \                      b: the knee
 *            |     b
 *            |        ` - c - - d
 *            +----------------------- time
 */
#ifndef WEIR_TOOLS_SWEEP_FRONT_H
#define WEIR_TOOLS_SWEEP_FRONT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct point {
    double time, memory; /* less of either is better */
    bool counts;         /* the others are left out */
    bool on_front;       /* the answer of front_find */
} point_t;

enum { FRONT_NONE = -1 };

/* Set on_front of every point; returns how many are. Of equal points the first is. */
size_t front_find(point_t *points, size_t count);

/* The index of the knee of a front that was found; FRONT_NONE if it has no point below the line between its
 * ends. */
int front_knee(const point_t *points, size_t count);

#endif
