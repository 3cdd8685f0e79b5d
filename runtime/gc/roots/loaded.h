/* loaded: the data of the program and of its libraries, and where their thread-local memory lies: what the
 * dynamic linker says of each file that is loaded.
 *
 *     in each file:    | code | constants | relro: read-only after relocation | data, bss |
 *                                           not scanned                         scanned
 *
 * Used by the collector, under its lock.
 */
#ifndef WEIR_GC_ROOTS_LOADED_H
#define WEIR_GC_ROOTS_LOADED_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/cells/cache.h"

/* Ask the linker, which takes its lock. False: there was no memory to note all of it. */
bool loaded_find(void);
/* Has no file been loaded or unloaded since loaded_find? object: any that dl_iterate_phdr passes. */
bool loaded_is_current(const struct dl_phdr_info *object);

/* The writable data. Ends are multiples of 8. */
void loaded_each_data(void (*range)(uintptr_t from, uintptr_t to));

/* The thread-local memory that a thread has from its start on, with the world stopped. Before the stop,
 * loaded_find has to be called; or loaded_find_thread_local, which finds only this, by a caller that holds no
 * lock. */
void loaded_find_thread_local(void);
void loaded_thread_local(const heap_t *heap, uintptr_t *from, uintptr_t *to);
/* That of libraries that were opened later, as far as the thread has used it. */
void loaded_each_module(const heap_t *heap, void (*range)(uintptr_t from, uintptr_t to));

#endif
