/* shield: large objects of which the program has protected pages itself, by mprotect or madvise: a stack from
 * malloc with a guard page, a secret that is readable only while it is used, a buffer of RDMA that children
 * of fork do not get (MADV_DONTFORK).
 *
 *     | guard page | the program's stack ... |      large object: SHIELDED; HIDDEN if a page is unreadable
 *
 * Two things follow. When such an object is freed, its pages become accessible again, as the next owner of
 * the addresses expects. And a collection must not load from an unreadable page: a HIDDEN object is not
 * scanned as an object, but as a root, by copying (gc/roots/process.c), so it is not freed by a collection
 * either.
 *
 * Smaller objects share their pages with others, and are not looked after; so in collect mode what is aligned
 * to a page or more is a large object.
 */
#ifndef WEIR_MALLOC_SHIELD_H
#define WEIR_MALLOC_SHIELD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/collected_flags.h"
#include "runtime/region/region.h"

/* Is any object HIDDEN, or was one ever? */
extern _Atomic bool shield_hides_any;

/* The large object that all of [from, to), which lies in the region, belongs to; NULL: there is none. By any
 * thread, while the object is not freed. Takes longer the further the object reaches below `from`, unless it
 * is the object of the last call. */
span_t *shield_find(uintptr_t from, uintptr_t to);
/* Set SHIELDED, or both flags. By any thread, while the object is not freed. */
void shield_note(span_t *span, bool hides);

/* Make all pages of the object readable and writable: it is not SHIELDED any more. Pages that a child of fork
 * has not got are empty there. Keeps errno. By the thread that frees or resizes the object. */
void shield_lift(span_t *span);
static inline void shield_lift_if_any(span_t *span)
{
    if (UNLIKELY(collected_has_flag(span, COLLECTED_SHIELDED)))
        shield_lift(span);
}

/* The same for the object that a hardened block lies in; p need not be a block. */
void shield_lift_around(const void *p);

#endif
