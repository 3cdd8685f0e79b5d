/* escape: which frames sampled blocks outlive. WEIR_DEBUG=escape=1, with a heap profile; `weir advise`
 * reads the result.
 *
 * A sample keeps a trail: for each call under which it was allocated, where the frame of the calling function
 * was (unwind/unwind.h). The stack of its free is taken in the same way. The two are compared from the
 * outermost call inwards. They are the same stack as far as frames, calls and registers are the same:
 *
 *     allocated under   _start   main@10   parse@3   make@7
 *     freed under       _start   main@10   parse@9            make's frame is gone, parse's is there still:
 *                       same     same      same frame, other call: the innermost that outlives the block, if
 *                                          nothing speaks against it
 *
 * What may speak against it: parse may have returned, and main may have called it again from the same call,
 * in a loop. Different registers or another frame prove that; then main is the innermost. Different contents
 * of main's frame do not prove it: the reader of the profile, who has the program's code, decides
 * (tools/weir/advise). Samples say nothing if they were freed by another thread, by a collection, on a stack
 * that is not the thread's own, or under more calls than were noted.
 *
 * An escape place is a stack of calls, whatever the sizes of the blocks. It counts how many of its blocks are
 * in use at once, and how they grow:
 *
 *     chain    blocks that realloc made of each other
 *     grown    blocks that are freed when the next of their place, a larger one, has just been allocated:
 *              p = join(p, more)
 *
 * All counts are of samples; with WEIR_PROFILE_RATE=1 of all blocks. The caller of each function holds the
 * profile's lock, unless its comment says otherwise.
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
    ESCAPE_FRAME,   /* the innermost frame that outlived it is known, as above */
    ESCAPE_THREAD,  /* freed by another thread */
    ESCAPE_UNKNOWN, /* freed by a collection, on another stack, or under too many calls */
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
    bool has_moved;   /* proved: what that frame called at the allocation has returned */
    uintptr_t call;   /* the call in that frame which led to the free */
    uint64_t changed; /* bit n: frame n made the same call with other contents, for at least one sample */
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
    uint64_t chains, links, copied;       /* chains of several blocks that have ended; sums over them */
    uint64_t least_final, most_final;     /* bytes of their last blocks */
} escape_place_t;

/* A chain: how often realloc has resized a block, and the bytes that it has copied at most. */
typedef struct escape_chain {
    uint32_t links;
    uint64_t copied; /* the sum of the sizes that were asked for, except for the last block */
} escape_chain_t;

bool escape_is_on(void);

/* The calls of this thread. Without the lock. limit, end: of its own stack, as thread_state_t has them. */
void escape_look(uintptr_t limit, uintptr_t end, escape_stack_t *stack);

/* A sample of the site was allocated: returns its trail; 0: there is no memory for one. */
uint32_t escape_born(uint32_t site, const escape_stack_t *stack, uint64_t requested);
/* The sample is freed. frames: of its site. stack: of the free; NULL: not freed by the program. */
void escape_died(uint32_t trail, const uintptr_t *frames, const escape_stack_t *stack, uint32_t lifetime,
                 uint64_t passed);

/* realloc replaces this sample by another one: its end will count as ESCAPE_MOVED. Returns the chain to be
 * set for the other one's trail. */
escape_chain_t escape_chain_of(uint32_t trail);
void escape_chain_set(uint32_t trail, escape_chain_t chain);

/* Readers: the ends of a site, by numbers; 0: no more. */
uint32_t escape_first(uint32_t site);
const escape_end_t *escape_end(uint32_t number);
/* NULL: it has none. */
const escape_place_t *escape_place_of(uint32_t site);

#endif
