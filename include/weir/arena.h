/* weir/arena.h: memory that is given back all at once.
 *
 * An arena hands out objects by moving a pointer through blocks of memory, and never takes a single one back:
 * all go together, when the arena is rewound, reset or freed. That costs about a nanosecond an object,
 * nothing to give back, and no object can be forgotten. After obstacks (GNU), pools (Apache) and regions
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
 * Holds for every function here:
 *   units        sizes and alignments are bytes.
 *   alignment    16 bytes, unless a larger one is asked for.
 *   ownership    objects belong to the arena. None may be given to free, weir_free or realloc.
 *   threads      the type says it. A weir_arena is confined: one thread at a time, and the thread that hands
 *                it to another synchronises. Of a weir_shared_arena any thread may allocate at any time.
 *   failure      NULL (or false) with errno = ENOMEM: the size exceeds PTRDIFF_MAX, or the arena's limit or
 *                the runtime's hard limit refuses it, or the kernel does. Success leaves errno alone.
 *   misuse       what is used after its arena was rewound, reset or freed is not detected, unless the arena
 *                is checked (weir_arena_options.check, or WEIR_DEBUG=arenacheck=1), AddressSanitizer is
 *                linked in, or the program runs under valgrind. heaptrack sees each object as well.
 */
#ifndef WEIR_ARENA_H
#define WEIR_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/api.h>

/* What is seen of an arena: the free part of its current block. For weir_arena_alloc alone to read or
 * write. */
typedef struct weir_arena {
    char *next;
    char *end;
} weir_arena;

enum {
    WEIR_ARENA_ALIGNMENT = 16,
    WEIR_ARENA_FIRST_BLOCK_MIN = 512, /* the least first_block_size */
};

/* How an arena shall be. A field that is zero asks for the default, so {0} is the same as NULL. */
typedef struct weir_arena_options {
    /* Bytes of the first block that comes from the heap: 4 KiB. Later ones double, up to 1 MiB; beyond 8 MiB
     * they are 2 MiB each, for the kernel to back by huge pages. */
    size_t block_size;
    /* The most bytes of blocks that the arena may hold, its own head included: no limit. */
    size_t limit;
    /* Memory of the caller's to begin with, on the stack perhaps: at least WEIR_ARENA_FIRST_BLOCK_MIN bytes.
     * The arena itself lies in it too, so that nothing is allocated until it is full. It does not count for
     * the limit, has to outlive the arena, and is the caller's again after weir_arena_free. */
    void *first_block;
    size_t first_block_size;
    /* The arena that frees this one when it is rewound to before now, reset, or freed. It is to be used by
     * the same thread. Freeing the child first is fine. */
    weir_arena *parent;
    /* What was rewound, reset or freed becomes inaccessible at once, and its addresses are not used again
     * until some thousand blocks later: a use of it is a segmentation fault. Costs system calls and memory:
     * for finding bugs. */
    bool check;
    /* Objects of the arena may point to collected ones (weir/gc.h), which then live as long as a pointer to
     * them is in the arena. All of its blocks that are in use are looked through, conservatively, at each
     * collection. What is rewound is cleared, so that it keeps nothing alive; so is what comes from the heap.
     * An arena that adopts a scanned one is scanned from then on. */
    bool scan;
    /* For the heap profile, of which the arena's blocks then have the label "arena": the first 31 bytes
     * count. The caller's; has to live as long as the arena. NULL: none. */
    const char *name;
    size_t reserved[3]; /* zero: for options to come */
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

/* A new, empty arena; options may be NULL. Also NULL with EINVAL: first_block_size is too small, or
 * first_block would end beyond the last address. */
WEIR_API weir_arena *weir_arena_new(const weir_arena_options *options) WEIR_NOEXCEPT;

/* Run the cleanups, latest first, then give all memory back and the arena with it. NULL does nothing. Takes
 * as long as there are blocks and cleanups, however many objects. */
WEIR_API void weir_arena_free(weir_arena *arena) WEIR_NOEXCEPT;

/* Empty the arena: run the cleanups, free the children. Its blocks are kept for what comes next. */
WEIR_API void weir_arena_reset(weir_arena *arena) WEIR_NOEXCEPT;

/* The same, and all blocks but the first go back to the heap. */
WEIR_API void weir_arena_release(weir_arena *arena) WEIR_NOEXCEPT;

/* Remember this place; and go back to it: what was allocated since is gone, cleanups and children since then
 * included. The blocks are kept. Places nest. */
WEIR_API weir_arena_place weir_arena_mark(weir_arena *arena) WEIR_NOEXCEPT;
WEIR_API void weir_arena_rewind(weir_arena *arena, weir_arena_place place) WEIR_NOEXCEPT;

/* Have run(context) called when the arena is rewound to before now, reset or freed: the latest first,
 * children in their turn. At that time all objects of the arena are still there. A cleanup may allocate from
 * the arena, for its own use; it may not rewind, reset or free it. False: no memory for the note (32 bytes in
 * the arena). */
WEIR_API bool weir_arena_cleanup(weir_arena *arena, void (*run)(void *context), void *context) WEIR_NOEXCEPT;

/* Let `from` become a part of `into`: its objects stay where they are and live as long as objects of `into`
 * that are allocated now; so do its cleanups and children. `from` is then no arena any more. Never fails, and
 * may take `into` over its limit. A first_block of `from` has to outlive `into`. Both are the calling
 * thread's. */
WEIR_API void weir_arena_adopt(weir_arena *into, weir_arena *from) WEIR_NOEXCEPT;

/* Bytes of the blocks that the arena holds, used or not; a first_block is not among them. */
WEIR_API size_t weir_arena_held(const weir_arena *arena) WEIR_NOEXCEPT;

/* --- Objects --- */

/* What weir_arena_alloc does when the current block is full, and for arenas that a tool watches. */
WEIR_API void *weir_arena_alloc_slow(weir_arena *arena, size_t size) WEIR_NOEXCEPT;

/* Room for size bytes, contents undefined. A size of 0 is as good as 1: each result is an address of its
 * own. */
WEIR_API inline void *weir_arena_alloc(weir_arena *arena, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(2)));

inline void *weir_arena_alloc(weir_arena *arena, size_t size) WEIR_NOEXCEPT
{
    const size_t mask = WEIR_ARENA_ALIGNMENT - 1;
    size_t rounded = (size + mask) & ~mask;
    char *object = arena->next;
    /* 0, and what overflows, round to 0: then the difference is larger than any room. */
    if (__builtin_expect(rounded - 1 < (size_t)(arena->end - object), 1)) {
        arena->next = object + rounded;
        return object;
    }
    return weir_arena_alloc_slow(arena, size);
}

/* At a multiple of alignment, a power of two; else NULL with EINVAL. */
WEIR_API void *weir_arena_alloc_aligned(weir_arena *arena, size_t alignment, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_align(2), alloc_size(3)));

/* All bytes zero. */
WEIR_API void *weir_arena_alloc_zeroed(weir_arena *arena, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(2)));

/* count elements of size bytes each, contents undefined. ENOMEM when the product overflows. */
WEIR_API void *weir_arena_alloc_array(weir_arena *arena, size_t count, size_t size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(2, 3)));

/* The object with another size; the caller repeats the one it has now. Of the arena's last object the size
 * changes in place, if the block has room; any other keeps its place when it shrinks, and is copied when it
 * grows, which wastes the old room until the arena is reset. NULL as an object allocates a new one. On
 * failure the object is untouched. */
WEIR_API void *weir_arena_resize(weir_arena *arena, void *object, size_t size, size_t new_size) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((alloc_size(4)));

/* A copy of size bytes; of a string; of at most `most` characters of a string, and a '\0'. */
WEIR_API void *weir_arena_memdup(weir_arena *arena, const void *bytes, size_t size) WEIR_NOEXCEPT;
WEIR_API char *weir_arena_strdup(weir_arena *arena, const char *string) WEIR_NOEXCEPT;
WEIR_API char *weir_arena_strndup(weir_arena *arena, const char *string, size_t most) WEIR_NOEXCEPT;

/* A string as printf would print it. Also NULL where vsnprintf fails, with its errno. */
WEIR_API char *weir_arena_printf(weir_arena *arena, const char *format, ...) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((format(printf, 2, 3)));
WEIR_API char *weir_arena_vprintf(weir_arena *arena, const char *format, va_list arguments) WEIR_NOEXCEPT
    WEIR_ATTRIBUTE((format(printf, 2, 0)));

/* --- Shared arenas: many threads allocate, all ends at once ---
 *
 * An allocation is one atomic addition to a word that all threads share: fine for results that threads put
 * together, slow for a loop that allocates and does little else. There, give each thread a confined arena,
 * and let the shared one adopt them at the end.
 *
 * reset and free are for one thread, when no other is using the arena. There are no marks: places of several
 * threads do not nest. */
typedef struct weir_shared_arena weir_shared_arena;

WEIR_API weir_shared_arena *weir_shared_arena_new(const weir_arena_options *options) WEIR_NOEXCEPT;
WEIR_API void weir_shared_arena_free(weir_shared_arena *arena) WEIR_NOEXCEPT;
WEIR_API void weir_shared_arena_reset(weir_shared_arena *arena) WEIR_NOEXCEPT;
WEIR_API void weir_shared_arena_release(weir_shared_arena *arena) WEIR_NOEXCEPT;

/* As those of a confined arena; any thread may call them. */
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
/* `from` is the calling thread's. */
WEIR_API void weir_shared_arena_adopt(weir_shared_arena *into, weir_arena *from) WEIR_NOEXCEPT;
WEIR_API size_t weir_shared_arena_held(weir_shared_arena *arena) WEIR_NOEXCEPT;

WEIR_API_END

#endif
