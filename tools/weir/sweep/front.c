/* front: see front.h. */
#include "tools/weir/sweep/front.h"

static bool beats(const point_t *a, const point_t *b, bool is_earlier)
{
    bool equal = a->time == b->time && a->memory == b->memory;
    return a->time <= b->time && a->memory <= b->memory && (!equal || is_earlier);
}

size_t front_find(point_t *points, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        points[i].on_front = points[i].counts;
        for (size_t other = 0; other < count && points[i].on_front; other++)
            if (other != i && points[other].counts && beats(&points[other], &points[i], other < i))
                points[i].on_front = false;
        found += points[i].on_front;
    }
    return found;
}

int front_knee(const point_t *points, size_t count)
{
    int fastest = FRONT_NONE, smallest = FRONT_NONE, knee = FRONT_NONE;
    for (size_t i = 0; i < count; i++) {
        if (!points[i].on_front)
            continue;
        if (fastest == FRONT_NONE || points[i].time < points[fastest].time)
            fastest = (int)i;
        if (smallest == FRONT_NONE || points[i].memory < points[smallest].memory)
            smallest = (int)i;
    }
    if (fastest == smallest)
        return FRONT_NONE;
    double width = points[smallest].time - points[fastest].time;
    double height = points[fastest].memory - points[smallest].memory, deepest = 0;
    for (size_t i = 0; i < count; i++) {
        double below = 1 - (points[i].time - points[fastest].time) / width -
                       (points[i].memory - points[smallest].memory) / height;
        if (points[i].on_front && below > deepest) {
            deepest = below;
            knee = (int)i;
        }
    }
    return knee;
}
