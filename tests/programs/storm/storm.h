/* storm: what the actors of the stress share.
 *
 * A worker is a thread that takes one step of its actor after another, until all have ended. An actor has a
 * model of what it does and checks its own results; whatever malloc does behind it may not show. Nothing here
 * knows of weir.
 *
 * Blocks are self-describing: their size and a seed, from which every byte of their contents follows. So
 * whoever has a pointer to one can check it: another thread, a child of fork, a signal handler.
 */
#ifndef WEIR_TESTS_STORM_H
#define WEIR_TESTS_STORM_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "tests/programs/check.h"

typedef struct worker worker_t;

typedef struct actor {
    const char *name;
    int workers;
    int steps; /* of each worker in one round of a short run */
    bool deaf; /* its threads block all signals: no call of theirs may return EINTR */
    void (*begin)(worker_t *);
    void (*step)(worker_t *);
    void (*end)(worker_t *);
} actor_t;

struct worker {
    const actor_t *actor;
    int number; /* among those of its actor */
    pthread_t thread;
    pid_t task;
    uint64_t random; /* its own generator's state */
    void *state;     /* the actor's */
    void *alternate; /* its stack for signals, a block of malloc */

    _Atomic uint64_t steps;    /* written by the worker, read by the watchdog; so are these: */
    const char *_Atomic doing; /* a string constant: what it is in the middle of */
    _Atomic(pid_t) waits_for;  /* a child, or 0 */
    _Atomic bool ended;
};

extern const actor_t actor_heap, actor_threads, actor_cancel, actor_children, actor_waits, actor_couples,
    actor_signals, actor_libraries, actor_stacks, actor_mappings, actor_libc, actor_environment;

/* The worker that the calling thread is, or belongs to; NULL in helpers. */
extern __thread worker_t *self;
#define DOING(what) ((void)(self ? (self->doing = (what)) : NULL))

typedef struct settings {
    double seconds;  /* how long; 0: `rounds` rounds */
    uint64_t rounds; /* of actor.steps steps */
    uint64_t seed;
    int hang;         /* seconds without a step after which a worker counts as hung */
    bool drop;        /* drop some blocks instead of freeing them: for a malloc that collects */
    bool interrupted; /* calls that wait may return EINTR */
    const char *only; /* names of actors, or NULL */
    long most;        /* MiB that may be resident at any time; 0: any */
} settings_t;
extern settings_t settings;

/* True once the workers are to end. */
extern _Atomic bool over;
extern char own_path[4096]; /* of the program */

static inline uint64_t below(uint64_t *random, uint64_t n)
{
    return (random_next(random) >> 16) % n;
}

/* Start a thread that is no worker, with all signals blocked or none of them; it has to be joined or
 * detached. */
pthread_t helper_start(void *(*run)(void *), void *argument, bool deaf);

/* Wait until it is so, at most settings.hang seconds; else end with the line. For main. */
void await(bool (*is_so)(void), const char *line);

/* --- blocks.c --- */

typedef struct block {
    uint64_t size; /* of bytes[] */
    uint64_t seed;
    struct block *next; /* for lists; not checked */
    uint64_t guard;     /* of size and seed */
    unsigned char bytes[];
} block_t;

/* A block by one of the functions of malloc's family, of up to `most` bytes; small ones are the most
 * frequent. Never NULL. */
block_t *block_new(uint64_t *random, size_t most);
void block_check(const block_t *block);
block_t *block_resize(block_t *block, uint64_t *random, size_t most);
/* Checks it and frees it, or drops it (settings.drop) every fourth time. NULL: nothing. */
void block_free(block_t *block);

/* A list of `count` blocks, known by its first one alone. */
block_t *chain_new(uint64_t *random, int count, size_t most);
void chain_check(const block_t *first, int count);
void chain_free(block_t *first);

/* A place where blocks are left for whoever comes: gives one, takes another or NULL. */
block_t *market_swap(uint64_t *random, block_t *block);
void market_close(void);

/* A number that follows from the seed alone and takes a churn of `count` blocks to compute. */
uint64_t churn_sum(uint64_t seed, int count);

/* --- signals.c --- */

void signals_begin(void); /* handlers, timers */
void signals_end(void);   /* all signals that were queued have been handled */
uint64_t signals_handled(void);
extern _Atomic bool signals_are_sent; /* while set, no worker that takes signals may end */
void signals_not_queued(void);        /* takes back the last one that was counted as sent */
/* Send one to some worker that takes signals; with a value: queued. */
void worker_kill(uint64_t *random, int number, union sigval *value);
/* The dispositions of a new process, and an end to it if it hangs. For children. */
void signals_reset(void);

/* --- children.c --- */

/* What the program does when it is run as `storm sum SEED COUNT`. */
int child_main(char **arguments);
void children_begin(void);
extern _Atomic uint64_t children_ended;
/* setenv and those that read all of the environment. */
extern pthread_rwlock_t environment_lock;

/* --- threads.c --- */

extern _Atomic uint64_t threads_begun, threads_ended;
void threads_begin(void);
void threads_end(void); /* all that were detached have ended */

#endif
