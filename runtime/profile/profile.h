/* profile: the heap profile. Of a sample of all allocations it keeps the calls that made them, which of them
 * are in use, and how long the freed ones lived. WEIR_PROFILE=FILE.
 *
 * A site is a stack of calls and a size of blocks; it counts its samples. A live sample is a block in use.
 * Both are in hash tables of open addressing in the runtime's own memory, under one lock.
 *
 *     block --hash--> sample | address, site, when it was allocated |
 *                                          |
 *     stack, size --hash--> site | counts, |frames in a row of words|
 *
 *     allocs == in use + sum of ended[]        of each site
 *
 * sampled.h decides which blocks are sampled, so that each byte is hit with the same probability (sample.h).
 * A reader of the profile scales the counts: a sampled block of n bytes stands for sample_weight(n, rate).
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

/* What the thread allocates for at the moment, if that has a name: an arena, a pool whose new_object runs, or
 * else an account. It is noted with the thread's samples. The code that sets it restores the old value. */
enum profile_owner_kind { PROFILE_POOL, PROFILE_ARENA, PROFILE_BUDGET };
typedef struct profile_owner {
    const char *name; /* NULL: no owner; only the first bytes count */
    enum profile_owner_kind kind;
} profile_owner_t;
extern __thread profile_owner_t profile_owner __attribute__((tls_model("initial-exec")));
enum { PROFILE_OWNER_NAME = 32 };

/* Set the thread's owner, and return the one before. Without a name the owner stays as it is. */
static inline profile_owner_t profile_own(const char *name, enum profile_owner_kind kind)
{
    profile_owner_t before = profile_owner;
    if (name && name[0])
        profile_owner = (profile_owner_t){name, kind};
    return before;
}

/* How long a sampled block lived: lifetime i is below profile_lifetime_bounds[i] nanoseconds, the last has no
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

/* Is there to be a profile? Known when the options are read. */
bool profile_is_on(void);
/* Bytes from sample to sample, on average; at least 1. */
uint64_t profile_rate(void);
/* The bytes that a sample of the size stands for. */
uint64_t profile_scaled(size_t size);

/* A block has been allocated, and is a sample: note it, with the calls of this thread, whose heap is `heap`.
 * size: of the block; requested: what the program asked for. False: there is no memory for the note. The
 * caller holds no lock of rank LOCK_RANK_HEAPS or higher. */
bool profile_note(const heap_t *heap, const void *p, size_t size, size_t requested);
/* The block is freed by the program, or by a collection. It need not be a sample. */
void profile_forget(const void *p);
void profile_forget_collected(const void *p);
/* profile_forget_collected for many blocks: of the cells of `size` bytes from `start` on, those whose bits
 * are set. */
void profile_forget_cells(const char *start, size_t size, const uint64_t *cells, uint32_t words);

/* realloc has moved a block, and is about to free the old one. */
void profile_becomes(const void *from, const void *to);
/* realloc resizes the block in place: get its chain before its sample is forgotten, and set the chain when
 * the block has been noted anew. */
escape_chain_t profile_chain_of(const void *p);
void profile_chain_set(const void *p, escape_chain_t chain);

/* Bytes of the profile's tables. They count in page_stats.metadata, too. */
size_t profile_table_bytes(void);

/* An estimate of the bytes that are in use, from the samples. */
uint64_t profile_live_bytes(void);

/* From now on write() is called, with no lock held, after a sample was allocated: if WEIR_PROFILE_GROWTH more
 * bytes are in use than the last time, if the soft limit was passed for the first time, or if is_asked() says
 * so. Called once, before there are other threads. */
void profile_watch(void (*write)(void), bool (*is_asked)(void));
/* Called by a thread after it has allocated a sample. Does nothing in a no-stop section (world.h). */
void profile_look_at_growth(void);

/* Readers hold the lock, and allocate nothing meanwhile. Without `wait`, false: the lock is held already. */
bool profile_lock(bool wait);
void profile_unlock(void);
uint32_t profile_sites(void);
const profile_site_t *profile_site(uint32_t number);
/* The owners that samples had are numbered from 1 on. */
uint32_t profile_owners(void);
profile_owner_t profile_owner_at(uint32_t number);
const uintptr_t *profile_frames(const profile_site_t *site);

/* With the world stopped: if the block at p is a sample, fill in its calls, the innermost first, at most
 * `room` of them. */
void profile_calls_of(const void *p, uintptr_t *calls, uint32_t room);

bool profile_before_fork(void);
void profile_after_fork(bool child);

#endif
