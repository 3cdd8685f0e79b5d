/* reftrace: a second tracer that shares nothing with the first but the roots: one thread, one queue, no
 * prefetching, its own bits. It goes breadth first and notes which word led to each object, so a chain of
 * these notes is a shortest path from a root.
 *
 * WEIR_DEBUG=gcverify=1 has it run after each marking; both have to find the same objects. And path.h asks
 * it.
 *
 * This folder: questions about the graph of objects: a second tracer that has to agree with the first,
 * leaks, paths from roots.
 */
#ifndef WEIR_GC_DEBUG_REFTRACE_H
#define WEIR_GC_DEBUG_REFTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With the world stopped, before the marker takes the roots: does a thread run all the same? */
void reftrace_prepare(void);

/* With the world stopped and marking done: ends the program with a line if an object that the roots reach is
 * not marked, or if they reach another number of objects; a stray word may also lead to some of the `black`
 * cells, which were marked before. False: there was no memory to look. */
bool reftrace_verify(uintptr_t here, size_t objects, size_t black, bool floats);

/* --- for path.c; all of it in one stop of the world --- */

/* An object that was reached. Those that a word of the roots points to come from number 0, which is none. */
typedef struct reached {
    uintptr_t object;
    uintptr_t
        at; /* the word that points to it; 0: a type's function has said so, or a finalizer waits for it; of
                       what comes from NAIVE_ENTRY: the number of the weak map's entry */
    uintptr_t from; /* the number of the object that the word is in */
} reached_t;
#define NAIVE_ENTRY UINTPTR_MAX

/* Nothing is reached. False: no memory. */
bool reftrace_begin(void);
void reftrace_end(void);
/* A word of the roots; the start of an object that is one by itself. */
void reftrace_visit_word(uintptr_t at);
void reftrace_visit_object(uintptr_t object);
/* All that is reached from what was visited so far. False: there was no memory for all of it. */
bool reftrace_run(void);
/* Objects are numbered from 1 in the order in which they were reached. */
size_t reftrace_count(void);
const reached_t *reftrace_at(size_t number);
/* 0: it was not reached. */
size_t reftrace_find(uintptr_t object);

#endif
