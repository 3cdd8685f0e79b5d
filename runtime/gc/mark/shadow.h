/* shadow: what the pages of large objects held that a program keeps writing during a concurrent trace, so
 * that a rescan looks only at the words that have changed since the last one. Tables of pointers are such
 * objects: all their pages are written again within milliseconds, a few words in each, and what they point to
 * lies all over the heap.
 *
 * A page that is written for the second time gets a shadow, as long as there is room. For each word of the
 * page the shadow tells which 16 bytes of the region it pointed to:
 *
 *     shadow word = 0                       it pointed to no collected memory
 *                   offset in region / 16   it was looked at: the object there is marked, or a candidate
 *                   SHADOW_UNKNOWN          it was not looked at
 *
 * Cells begin at multiples of 16 bytes, so equal shadow words mean the same object. A mark is not taken back
 * during a trace: therefore a word that is equal to its shadow word need not be looked at again.
 *
 * Two tables, mapped for a trace only, and counted as metadata as far as they are used. A page's entry and
 * its shadow belong to the marker that rescans the page's slot.
 */
#ifndef WEIR_GC_MARK_SHADOW_H
#define WEIR_GC_MARK_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/os/os.h"

#define SHADOW_UNKNOWN UINT32_MAX
/* Bytes of the region that a shadow word can tell of. What lies beyond was allocated since shadow_begin, and
 * so is marked. */
#define SHADOW_REACH ((size_t)SHADOW_UNKNOWN << 4)
enum { SHADOW_WORDS = OS_PAGE / sizeof(uintptr_t) };

/* Get the tables: for the slots below `slots`, and for so many bytes of shadows. False: out of memory, or the
 * heap reaches too far for shadow words. With no marker at work. */
bool shadow_begin(uint32_t slots, size_t most);
/* Give them back; does nothing if there are none. */
void shadow_end(void);

/* The page of the slot, which a large object covers, was written once more. Returns its shadow; if it has
 * just got it, all its words are SHADOW_UNKNOWN. NULL: it has none, and has to be rescanned as a whole. */
uint32_t *shadow_of(uint32_t slot, uint32_t page);

#endif
