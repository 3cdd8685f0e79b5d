/* profile: the heap profile: which calls a sample of all allocations comes from, what of it is in use, and
 * how long the rest lived. WEIR_PROFILE=FILE.
 *
 * A site is a stack of calls and a size of blocks; it counts the samples of its own. A live sample is a block
 * in use. Both are in hash tables of open addressing in the runtime's own memory, under one lock.
 *
 *     block --hash--> sample | address, site, when it was allocated |
 *                                          |
 *     stack, size --hash--> site | counts, |frames in a row of words|
 *
 *     allocs == in use + sum of ended[]        of each site
 *
 * Which blocks are sampled is decided in runtime/profile/sampled.h, so that each byte is hit with the same
 * probability
 * (sample.h). A reader of the profile scales the counts: a sampled block of n bytes stands for
 * sample_weight(n, rate).
 *
 * This folder: what is known of single blocks: samples and the calls that made them, accounts, guarded
 * blocks, origins for leak reports.
 */
#ifndef WEIR_PROFILE_PROFILE_H
#define WEIR_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cells/cache.h"
#include "runtime/profile/escape.h"

enum { PROFILE_FRAMES = 64 };

/* What a thread allocates for now, if that has a name: an arena, a pool whose new_object runs, or else an
 * account. Its samples say so. The thread's own; the code that sets it restores what it was. */
enum profile_owner_kind { PROFILE_POOL, PROFILE_ARENA, PROFILE_BUDGET };
typedef struct profile_owner {
    const char *name; /* NULL: no owner; only the first bytes count */
    enum profile_owner_kind kind;
} profile_owner_t;
extern __thread profile_owner_t profile_owner __attribute__((tls_model("initial-exec")));
enum { PROFILE_OWNER_NAME = 32 };

/* From now on; without a name the owner stays. The one before. */
static inline profile_owner_t profile_own(const char *name, enum profile_owner_kind kind)
{
    profile_owner_t before = profile_owner;
    if (name && name[0])
        profile_owner = (profile_owner_t){name, kind};
    return before;
}

/* How long a sampled block lived: lifetime i is below PROFILE_LIFETIMES[i] nanoseconds, the last has no
 * bound. */
enum { PROFILE_LIFETIMES = 8 };
extern const uint64_t profile_lifetime_bounds[PROFILE_LIFETIMES];

/* Written under the lock. */
typedef struct profile_site {
    uint32_t hash;
    uint32_t frames; /* where its frames begin among all */
    uint16_t depth;
    uint16_t owner;                     /* 0: none */
    bool whole;                         /* the outermost frame is there; else the stack was cut */
    size_t size;                        /* bytes of each block */
    uint64_t allocs;                    /* samples */
    uint64_t requested;                 /* bytes that were asked for, of all samples */
    uint64_t ended[PROFILE_LIFETIMES];  /* samples that were freed */
    uint64_t passed[PROFILE_LIFETIMES]; /* KiB that the process allocated while those lived, in all */
} profile_site_t;

/* Is there to be a profile? Settled when the options are read. */
bool profile_is_on(void);
/* Bytes from sample to sample, on average; at least 1. */
uint64_t profile_rate(void);
/* The bytes that a sample of the size stands for. */
uint64_t profile_scaled(size_t size);

/* A block has been allocated, and is a sample: take down the calls of this thread, which `heap` belongs to.
 * size: of the block;
 * requested: what the program asked for. False: there is no memory for it. Outside of locks from
 * LOCK_RANK_HEAPS on. */
bool profile_note(const heap_t *heap, const void *p, size_t size, size_t requested);
/* The sample is freed, by the program; by a collection. What is none may be asked about. */
void profile_forget(const void *p);
void profile_forget_collected(const void *p);
/* The same of many: cells of `size` bytes from `start` on, those whose bits are set. */
void profile_forget_cells(const char *start, size_t size, const uint64_t *cells, uint32_t words);

/* realloc has made another block of this one, which it is about to free. */
void profile_becomes(const void *from, const void *to);
/* It resizes this one: what it was, to be told when it has been noted anew. */
escape_chain_t profile_chain_of(const void *p);
void profile_chain_set(const void *p, escape_chain_t chain);

/* Bytes of its tables, which count as the runtime's other metadata as well. */
size_t profile_table_bytes(void);

/* An estimate of the bytes that are in use, from the samples. */
uint64_t profile_live_bytes(void);

/* From now on: after a sample was allocated, call write(), outside of all locks, if since the last time
 * WEIR_PROFILE_GROWTH more bytes are in use, if the soft limit was passed for the first time, or if
 * is_asked() says so. Once, before threads. */
void profile_watch(void (*write)(void), bool (*is_asked)(void));
/* After a sample was allocated, by its thread. Nothing happens in a section that a stop of the world must not
 * fall into. */
void profile_look_at_growth(void);

/* Readers hold the lock, and allocate nothing meanwhile. Not `wait`: false if it is held. */
bool profile_lock(bool wait);
void profile_unlock(void);
uint32_t profile_sites(void);
const profile_site_t *profile_site(uint32_t number);
/* Owners that samples had have the numbers from 1 on. */
uint32_t profile_owners(void);
profile_owner_t profile_owner_at(uint32_t number);
const uintptr_t *profile_frames(const profile_site_t *site);

/* With the world stopped: fills in the calls of the block at p, the innermost first, `room` of them at most,
 * if it is a sample. */
void profile_calls_of(const void *p, uintptr_t *calls, uint32_t room);

bool profile_before_fork(void);
void profile_after_fork(bool child);

#endif
