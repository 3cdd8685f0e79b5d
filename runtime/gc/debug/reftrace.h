/* reftrace: the reference tracer. It shares nothing with the marker but the roots: one thread, one queue, no
 * prefetching, its own bits. It goes breadth first and notes which word led to each object, so a chain of
 * these notes is a shortest path from a root.
 *
 * WEIR_DEBUG=gcverify=1 has it run after each marking; both have to find the same objects. path.h uses it,
 * too.
 *
 * This folder: questions about the graph of objects: a second tracer that has to agree with the first,
 * leaks, paths from roots.
 */
#ifndef WEIR_GC_DEBUG_REFTRACE_H
#define WEIR_GC_DEBUG_REFTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With the world stopped, before the marker takes the roots: note whether a thread runs all the same. */
void reftrace_prepare(void);

/* Check the marks, with the world stopped and marking done. Ends the program with a line if the roots reach
 * an object that is not marked, or fewer than `objects`, or more than objects + black: a stray word may lead
 * to one of the `black` cells that were marked before marking began. `floats`: the trace was concurrent, and
 * may have marked floating garbage; then fewer are allowed, as they are in collect mode. False: there was no
 * memory for the check. */
bool reftrace_verify(uintptr_t here, size_t objects, size_t black, bool floats);

/* --- for path.c; all of it in one stop of the world --- */

/* An object that was reached. If a root points to it, `from` is 0, which is the number of no object. */
typedef struct reached {
    uintptr_t object;
    /* The word that points to it; 0: a type's trace function has named it, or it has a finalizer. If `from`
     * is REFTRACE_MAP_ENTRY: the number of the weak map's entry. */
    uintptr_t at;
    uintptr_t from; /* the number of the object that the word is in */
} reached_t;
#define REFTRACE_MAP_ENTRY UINTPTR_MAX

/* Begin, with nothing reached. False: out of memory. */
bool reftrace_begin(void);
void reftrace_end(void);
/* Visit a word of the roots; visit an object that is a root by itself, named by its start. */
void reftrace_visit_word(uintptr_t at);
void reftrace_visit_object(uintptr_t object);
/* Trace everything that is reached from what was visited so far. False: out of memory. */
bool reftrace_run(void);
/* Objects are numbered from 1 in the order in which they were reached. */
size_t reftrace_count(void);
const reached_t *reftrace_at(size_t number);
/* 0: it was not reached. */
size_t reftrace_find(uintptr_t object);

#endif
