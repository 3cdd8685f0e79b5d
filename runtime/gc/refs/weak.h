/* weak: references that do not keep their object alive.
 *
 * A reference is a noscan object of one word: the address of its target, or 0. There is one reference for
 * each target, which is an object and an offset into it; so references are equal when their targets are. The
 * target's record (side_table.h) knows the word, and the collector clears the word before the world starts
 * again. So reading a reference is one load: a thread that was stopped before the load finds 0; one that was
 * stopped after it has the target in a register, which is a root. This holds for a concurrent trace as well:
 * a target that was read meanwhile is found in the last stop, on a stack, in a register, or on a page that
 * was written.
 */
#ifndef WEIR_GC_REFS_WEAK_H
#define WEIR_GC_REFS_WEAK_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/region/region.h"

/* Returns the reference to the place `offset` bytes into the object; NULL: out of memory. `alloc` gives a
 * zeroed collected object, or NULL. */
typedef void *reference_alloc(enum span_kind kind, size_t size);
uintptr_t *reference_to(const void *object, size_t offset, reference_alloc *alloc);

static inline void *reference_get(const uintptr_t *reference)
{
    return (void *)__atomic_load_n(reference, __ATOMIC_ACQUIRE);
}

/* --- under the lock of the side table, or in the stopped world --- */

/* Set a reference's word: to the object's new address, or to 0 if the object is dead. */
void reference_set(uint32_t number, uintptr_t object);
/* An object is about to be freed by hand: if it is a reference, drop its record. */
void reference_freed(const void *p);

#endif
