/* own: the address ranges that the runtime has reserved for itself. The collector leaves them out when it
 * scans all that the process has written.
 *
 * They are read without a lock, while all other threads are stopped at arbitrary points. A range that such a
 * thread was adding is not accessible yet, so there is nothing in it to scan.
 */
#ifndef WEIR_OS_OWN_H
#define WEIR_OS_OWN_H

#include <stdbool.h>
#include <stdint.h>

/* There is room for a few thousand; beyond that a range counts as the program's. */
void own_add(uintptr_t from, uintptr_t to);
/* Called before the addresses become free. Does nothing unless exactly this range was added. */
void own_remove(uintptr_t from, uintptr_t to);

/* Does the address lie in this library, its data and code? */
bool own_has_in_image(uintptr_t address);

/* Call `part` for each part of [from, to) that is not the runtime's own, its data and code included. */
void own_subtract(uintptr_t from, uintptr_t to, void (*part)(uintptr_t from, uintptr_t to));

#endif
