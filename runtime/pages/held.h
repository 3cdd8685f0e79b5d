/* held: how much memory is held from the kernel, as sums of the page statistics; bytes. Under the pages'
 * lock. */
#ifndef WEIR_PAGES_HELD_H
#define WEIR_PAGES_HELD_H

#include <stdbool.h>
#include <stddef.h>

/* In no span, and no object. */
size_t held_idle(void);
/* In spans and large objects. */
size_t held_inuse(void);
/* What may be resident: the touched pages of slots, in use or idle, huge objects, and the runtime's own
 * tables. */
size_t held_bytes(void);
/* The most of it since the start, or since the last reset. `reset`: begin anew with what is held now. */
size_t held_peak(bool reset);
/* So much is held at the moment, or about to be. */
void held_raise_peak(size_t held);

#endif
