/* weir/arena.h: objects that are all freed at once.
 *
 * An arena allocates objects by moving a pointer through blocks of memory. It frees no single object: all are
 * freed together, when the arena is rewound, reset or freed. An allocation costs about a nanosecond, freeing
 * costs nothing for each object, and none can be forgotten. After obstacks (GNU), pools (Apache) and regions
 * (Hanson, "Fast allocation and deallocation of memory based on object lifetimes", 1990).
 *
 *     weir_arena *arena = weir_arena_new(NULL);
 *     struct node *node = weir_arena_alloc(arena, sizeof *node);
 *     ...
 *     weir_arena_free(arena);
 *
 *     block     |head|arena| object | object | object |   next ->            |   the first: 4 KiB
 *       v                                             ^ weir_arena.next       ^ weir_arena.end
 *     block     |head|                      spare                             |   twice as large as before
 *       v
 *     block     |head|        one large object                             |      sized for it
 *
 * These rules hold for every function here:
 *   units        sizes and alignments are bytes.
 *   alignment    16 bytes, unless a larger one is asked for.
 *   ownership    objects belong to the arena. None may be given to free, weir_free or realloc.
 *   threads      a weir_arena is confined: only one thread may use it at a time, and a program that hands it
 *                to another thread has to synchronise the two. From a weir_shared_arena any thread may
 *                allocate at any time.
 *   failure      NULL (or false) with errno = ENOMEM: the size exceeds PTRDIFF_MAX, or the arena's limit or
 *                the runtime's hard limit refuses it, or the kernel does. Success leaves errno alone.
 *   misuse       a use of an object after its arena was rewound, reset or freed is not detected, unless the
 *                arena is checked (weir_arena_options.check, or WEIR_DEBUG=arenacheck=1), AddressSanitizer is
 *                linked in, or the program runs under valgrind. heaptrack sees each object as well.
 */
#ifndef WEIR_ARENA_H
#define WEIR_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

/* The visible part of an arena: the free part of its current block. Only weir_arena_alloc may read or write
 * it. */
typedef struct weir_arena {
    char *next;
    char *end;
} weir_arena;

enum {
    WEIR_ARENA_ALIGNMENT = 16,
    WEIR_ARENA_FIRST_BLOCK_MIN = 512, /* the least first_block_size */
};

/* The options of a new arena. A field that is zero means the default, so {0} is the same as NULL. */
typedef struct weir_arena_options {
    /* Bytes of the first block that comes from the heap; default 4 KiB. Each later block is twice as large,
     * up to 1 MiB. When the arena has more than 8 MiB, its blocks are 2 MiB each, so that the kernel can back
     * them by huge pages. */
    size_t block_size;
    /* The most bytes of blocks that the arena may hold, its own head included; default: no limit. */
    size_t limit;
    /* The caller's memory for the first block, for example on the stack: at least WEIR_ARENA_FIRST_BLOCK_MIN
     * bytes, at any alignment. The arena itself lies in it too, so nothing is allocated from the heap until
     * the block is full. The block does not count for the limit, has to outlive the arena, and belongs to the
     * caller again after weir_arena_free. */
    void *first_block;
    size_t first_block_size;
    /* The parent arena frees this one when the parent is rewound to a place before this call, reset, or
     * freed. Both have to be used by the same thread. The child may be freed before that. */
    weir_arena *parent;
    /* Memory that was rewound, reset or freed becomes inaccessible at once, and its addresses are not used
     * again until some thousand blocks later: a use of it is a segmentation fault. This is for finding bugs;
     * it costs system calls and memory. */
    bool check;
    /* Objects of the arena may point to collected objects (weir/gc.h), which then live as long as a pointer
     * to them is in the arena. Each collection scans all blocks in use, conservatively. Rewound memory is
     * cleared, so that it keeps nothing alive; so is memory that comes from the heap. An arena that adopts a
     * scanned one is scanned from then on. */
    bool scan;
    /* The arena's name: in the heap profile its blocks have the label "arena" with this value. The first 31
     * bytes count. The string belongs to the caller and has to live as long as the arena. NULL: none. */
    const char *name;
    size_t reserved[3]; /* zero; for future options */
} weir_arena_options;

/* A place in the history of an arena. Valid until the arena is rewound to an earlier one, reset or freed. */
typedef struct weir_arena_place {
    void *block;
    char *next;
    uint64_t serial;
    size_t objects;
} weir_arena_place;

WEIR_API_BEGIN

/* --- The life of an arena --- */

/* A new, empty arena; options may be NULL. Returns NULL with EINVAL if first_block_size is too small, or if
 * first_block would end beyond the last address. */
WEIR_API weir_arena *weir_arena_new(const weir_arena_options *options) WEIR_NOEXCEPT;

/* Run the cleanups, latest first, then free all memory and the arena itself. NULL does nothing. The time
 * depends on the number of blocks and cleanups, not of objects. */
WEIR_API void weir_arena_free(weir_arena *arena) WEIR_NOEXCEPT;

/* Empty the arena: run the cleanups, free the children. The arena keeps its blocks for later objects. */
WEIR_API void weir_arena_reset(weir_arena *arena) WEIR_NOEXCEPT;

/* The same, and all blocks but the first go back to the heap. */
WEIR_API void weir_arena_release(weir_arena *arena) WEIR_NOEXCEPT;

/* Mark this place, and later rewind to it. A rewind frees all objects that were allocated since, runs the
 * cleanups and frees the children that were added since. The arena keeps its blocks. Places nest. */
WEIR_API weir_arena_place weir_arena_mark(weir_arena *arena) WEIR_NOEXCEPT;
WEIR_API void weir_arena_rewind(weir_arena *arena, weir_arena_place place) WEIR_NOEXCEPT;

/* Have run(context) called when the arena is reset, freed, or rewound to a place before this call. The latest
 * cleanup is called first; children are freed in the same order. All objects of the arena are still valid
 * then. A cleanup may allocate from the arena, for its own use; it may not rewind, reset or free it. False:
 * there is no memory for the record (32 bytes in the arena). */
WEIR_API bool weir_arena_cleanup(weir_arena *arena, void (*run)(void *context), void *context) WEIR_NOEXCEPT;

/* Make `from` a part of `into`. Its objects keep their addresses, and live as long as an object that is
 * allocated from `into` now; the same holds for its cleanups and children. `from` is not an arena any more.
 * This never fails, and may take `into` over its limit. A first_block of `from` has to outlive `into`. The
 * calling thread has to be the one that uses both. */
WEIR_API void weir_arena_adopt(weir_arena *into, weir_arena *from) WEIR_NOEXCEPT;

/* Bytes of the blocks that the arena holds, used or not; a first_block is not among them. */
WEIR_API size_t weir_arena_held(const weir_arena *arena) WEIR_NOEXCEPT;

/* --- Objects --- */

/* weir_arena_alloc calls this when the current block is full, and for arenas that a tool watches. */
WEIR_API void *weir_arena_alloc_slow(weir_arena *arena, size_t size) WEIR_NOEXCEPT;

/* An object of size bytes, contents undefined. A size of 0 counts as 1: every result is a distinct address.
 */
WEIR_API inline void *weir_arena_alloc(weir_arena *arena, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(2)));

inline void *weir_arena_alloc(weir_arena *arena, size_t size) WEIR_NOEXCEPT
{
    const size_t mask = WEIR_ARENA_ALIGNMENT - 1;
    size_t rounded = (size + mask) & ~mask;
    char *object = arena->next;
    /* A size of 0 and one that overflows are rounded to 0; rounded - 1 is then larger than any room. */
    if (__builtin_expect(rounded - 1 < (size_t)(arena->end - object), 1)) {
        arena->next = object + rounded;
        return object;
    }
    return weir_arena_alloc_slow(arena, size);
}

/* The same at a multiple of alignment. NULL with EINVAL if alignment is not a power of two. */
WEIR_API void *weir_arena_alloc_aligned(weir_arena *arena, size_t alignment, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_align(2), alloc_size(3)));

/* As weir_arena_alloc, with all bytes zero. */
WEIR_API void *weir_arena_alloc_zeroed(weir_arena *arena, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(2)));

/* count elements of size bytes each, contents undefined. ENOMEM when the product overflows. */
WEIR_API void *weir_arena_alloc_array(weir_arena *arena, size_t count, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(2, 3)));

/* Change an object's size; `size` is the size that it has now. The arena's last object is resized in place,
 * if the block has room. Any other object keeps its place when it shrinks, and is copied when it grows; its
 * old room is then wasted until the arena is reset. A copy is aligned to 16 bytes, even if the object had a
 * larger alignment. If the object is NULL, a new one is allocated. On failure the object is unchanged. */
WEIR_API void *weir_arena_resize(weir_arena *arena, void *object, size_t size, size_t new_size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(4)));

/* A copy of `size` bytes; of a string; of the first characters of a string, at most `most`, with a '\0'. */
WEIR_API void *weir_arena_memdup(weir_arena *arena, const void *bytes, size_t size) WEIR_NOEXCEPT;
WEIR_API char *weir_arena_strdup(weir_arena *arena, const char *string) WEIR_NOEXCEPT;
WEIR_API char *weir_arena_strndup(weir_arena *arena, const char *string, size_t most) WEIR_NOEXCEPT;

/* A string as printf would print it. If vsnprintf fails, the result is NULL with its errno. */
WEIR_API char *weir_arena_printf(weir_arena *arena, const char *format, ...) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((format(printf, 2, 3)));
WEIR_API char *weir_arena_vprintf(weir_arena *arena, const char *format, va_list arguments) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((format(printf, 2, 0)));

/* --- Shared arenas: many threads allocate, all objects are freed at once ---
 *
 * An allocation is one atomic addition to a word that all threads share. This is good enough for results
 * that several threads collect, but slow for a loop that does little else than allocate. In such a loop give
 * each thread a confined arena, and let the shared arena adopt them at the end.
 *
 * Only one thread may call reset, release or free, when no other uses the arena. There are no marks, because
 * places of several threads do not nest. */
typedef struct weir_shared_arena weir_shared_arena;

WEIR_API weir_shared_arena *weir_shared_arena_new(const weir_arena_options *options) WEIR_NOEXCEPT;
WEIR_API void weir_shared_arena_free(weir_shared_arena *arena) WEIR_NOEXCEPT;
WEIR_API void weir_shared_arena_reset(weir_shared_arena *arena) WEIR_NOEXCEPT;
WEIR_API void weir_shared_arena_release(weir_shared_arena *arena) WEIR_NOEXCEPT;

/* As the functions of a confined arena; any thread may call them. */
WEIR_API void *weir_shared_arena_alloc(weir_shared_arena *arena, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(2)));
WEIR_API void *weir_shared_arena_alloc_aligned(weir_shared_arena *arena, size_t alignment,
                                               size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_align(2), alloc_size(3)));
WEIR_API void *weir_shared_arena_alloc_zeroed(weir_shared_arena *arena, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(2)));
WEIR_API void *weir_shared_arena_memdup(weir_shared_arena *arena, const void *bytes,
                                        size_t size) WEIR_NOEXCEPT;
WEIR_API char *weir_shared_arena_strdup(weir_shared_arena *arena, const char *string) WEIR_NOEXCEPT;
WEIR_API bool weir_shared_arena_cleanup(weir_shared_arena *arena, void (*run)(void *context),
                                        void *context) WEIR_NOEXCEPT;
/* The calling thread has to be the one that uses `from`. */
WEIR_API void weir_shared_arena_adopt(weir_shared_arena *into, weir_arena *from) WEIR_NOEXCEPT;
WEIR_API size_t weir_shared_arena_held(weir_shared_arena *arena) WEIR_NOEXCEPT;

WEIR_API_END

#endif
