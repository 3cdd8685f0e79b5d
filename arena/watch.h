/* watch: what tools are told about the objects of arenas: AddressSanitizer, valgrind's memcheck, heaptrack.
 *
 *     tool         its sign                            is told of
 *     asan         its functions are in the process    what may be accessed
 *     valgrind     RUNNING_ON_VALGRIND                 the same, and who allocated it (a memory pool)
 *     heaptrack    its functions are in the process    each object allocated and given up
 *
 * The signs are looked for when an arena is made: so the library needs no special build for a tool, and
 * programs pay nothing where there is none. A watched arena keeps a list of its objects, which it could not
 * find otherwise, and leaves a gap of WATCH_GAP bytes after each.
 */
#ifndef WEIR_ARENA_WATCH_H
#define WEIR_ARENA_WATCH_H

#include <stdbool.h>
#include <stddef.h>

enum { WATCH_GAP = 16 };

/* For the thread of the arena. */
typedef struct watch {
    unsigned tools;
    struct watched {
        char *start;
        size_t size;
    } * objects; /* in the order of their allocation; from the heap */
    size_t count, capacity;
} watch_t;

/* Is any tool there? */
bool watch_is_wanted(void);
/* NULL: no memory. */
watch_t *watch_begin(void);
void watch_end(watch_t *watch);

/* From now on the memory is the arena's free memory, and may not be accessed; watch_show: it may again. */
void watch_hide(watch_t *watch, char *start, char *end);
void watch_show(watch_t *watch, char *start, char *end);

/* An object was allocated. False: no memory to note it. */
bool watch_object(watch_t *watch, char *start, size_t size);
/* The object was resized in place. */
void watch_resize(watch_t *watch, char *start, size_t size, size_t new_size);
/* All objects but the first `count` are gone. */
void watch_forget(watch_t *watch, size_t count);
/* Make the objects of `from` objects of `into`. False, and nothing has changed: no memory. */
bool watch_move(watch_t *into, watch_t *from);

#endif
