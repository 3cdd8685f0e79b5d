/* own: the address ranges that the runtime has reserved for itself. A scan of all that the
 * process has written leaves them out.
 *
 * Read while all other threads are stopped, wherever they stand: so without a lock. A range that is being
 * entered cannot be accessed yet, and so is nothing to look through.
 */
#ifndef WEIR_OS_OWN_H
#define WEIR_OS_OWN_H

#include <stdbool.h>
#include <stdint.h>

/* There is room for a few thousand; beyond that a range counts as the program's. */
void own_add(uintptr_t from, uintptr_t to);
/* The addresses are about to be free. Nothing happens if the range was not added as it is. */
void own_remove(uintptr_t from, uintptr_t to);

/* Does the address lie in this library, its data and code? */
bool own_has_in_image(uintptr_t address);

/* Call `part` for each part of [from, to) that is not the runtime's own, its data and code included. */
void own_subtract(uintptr_t from, uintptr_t to, void (*part)(uintptr_t from, uintptr_t to));

#endif
