/* escape: which frames sampled blocks outlive. WEIR_DEBUG=escape=1, with a heap profile; `weir advise`
 * reads what comes of it.
 *
 * A sample keeps a trail: for each call that it was allocated under, the place of the function that called
 * (unwind/unwind.h). Its free has such a stack too. Compared from the outermost call inwards, they are one as
 * long as frame, call and registers are the same:
 *
 *     allocated under   _start   main@10   parse@3   make@7
 *     freed under       _start   main@10   parse@9            make's frame is gone, parse's is there still:
 *                       same     same      same frame, other call: the innermost that outlives the block, if
 *                                          nothing speaks against it
 *
 * What may speak against it: parse may have returned, and main may have called it anew from the same place
 * in a loop. Other registers or another frame prove that; then main is the innermost. If only main's part
 * of the stack is different it may be so. The reader, who has the program's code, decides
 * (tools/weir/advise). Samples that were freed by another thread, by a collection, on a stack that is not
 * the thread's own, or under more calls than were noted say nothing.
 *
 * A place is a stack of calls, without sizes. It counts how many of its blocks are in use at once, and how
 * they grow:
 *
 *     chain    blocks that realloc made of each other
 *     grown    blocks that are freed when the next of their place, a larger one, has just been allocated:
 *              p = join(p, more)
 *
 * All counts are of samples; with WEIR_PROFILE_RATE=1 of all blocks. All under the profile's lock but what
 * is said to be without.
 */
#ifndef WEIR_PROFILE_ESCAPE_H
#define WEIR_PROFILE_ESCAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/unwind/unwind.h"

enum { ESCAPE_FRAMES = 64 };

/* A thread's calls, innermost first. */
typedef struct escape_stack {
    uint32_t depth, thread; /* a number that no other thread ever has */
    bool is_whole;          /* to the first call of the thread, on its own stack */
    uintptr_t calls[ESCAPE_FRAMES];
    unwind_place_t places[ESCAPE_FRAMES];
} escape_stack_t;

enum escape_how {
    ESCAPE_FRAME,   /* what outlived it is known, as above */
    ESCAPE_THREAD,  /* freed by another thread */
    ESCAPE_UNKNOWN, /* by a collection, on another stack, by too deep a stack */
    ESCAPE_MOVED,   /* realloc made another block of it */
    ESCAPE_HOWS
};

/* How some samples of a site were freed. */
typedef struct escape_end {
    uint32_t next; /* of the same site; 0: none */
    uint32_t site;
    uint8_t how, lifetime; /* enum escape_how; as in profile.h */
    uint16_t
        frame; /* of ESCAPE_FRAME: the innermost frame that may outlive it, 0: that of the innermost call */
    bool has_moved;   /* proved: it has called anew, or the call was malloc and free */
    uintptr_t call;   /* where the free was called from there */
    uint64_t changed; /* bit n: frame n, which called the same, had other contents, of one sample at least */
    uint64_t count, passed; /* samples; KiB that the process allocated while they lived, in all */
} escape_end_t;

/* What a stack allocates. */
typedef struct escape_place {
    uint64_t hash;
    uint64_t allocs;
    uint64_t live, most_live;             /* blocks */
    uint64_t live_bytes, most_live_bytes; /* that were asked for */
    uint64_t least, most, latest;         /* bytes that were asked for; of the newest block */
    uint64_t grown, emptied;              /* emptied: how often none was in use any more */
    uint64_t chains, links,
        copied; /* that have ended, of more than one block; their blocks but the first; the bytes of these */
    uint64_t least_final, most_final; /* bytes of their last blocks */
} escape_place_t;

/* How often realloc has resized a block, which has begun with so many bytes. */
typedef struct escape_chain {
    uint32_t links;
    uint64_t copied; /* bytes that its blocks had, in all, but the last */
} escape_chain_t;

bool escape_is_on(void);

/* The calls of this thread. Without the lock. limit, end: of its own stack, as heap_t has them. */
void escape_look(uintptr_t limit, uintptr_t end, escape_stack_t *stack);

/* A sample of the site was allocated: its trail; 0: there is no memory for one. */
uint32_t escape_born(uint32_t site, const escape_stack_t *stack, uint64_t requested);
/* It is freed; the frames are those of its site. No stack: not by the program. */
void escape_died(uint32_t trail, const uintptr_t *frames, const escape_stack_t *stack, uint32_t lifetime,
                 uint64_t passed);

/* The sample becomes another one, whose trail it will be told: its end counts as ESCAPE_MOVED. */
escape_chain_t escape_chain_of(uint32_t trail);
void escape_chain_set(uint32_t trail, escape_chain_t chain);

/* Readers: the ends of a site, by numbers; 0: no more. */
uint32_t escape_first(uint32_t site);
const escape_end_t *escape_end(uint32_t number);
/* NULL: it has none. */
const escape_place_t *escape_place_of(uint32_t site);

#endif
