/* place: which file the code or data at an address is from, and where in it.
 *
 * place_find and place_add ask the dynamic linker, which takes a lock: so they may be called neither while
 * the world is stopped nor by a thread that holds a lock of the runtime's.
 */
#ifndef WEIR_PROCESS_PLACE_H
#define WEIR_PROCESS_PLACE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/text.h"

typedef struct place {
    const char *file;   /* as the linker calls it; "": the program itself */
    const char *module; /* as dladdr calls it; for the program argv[0] */
    const char *symbol; /* the nearest exported one at or before the address; NULL: none */
    uintptr_t offset;   /* from the load address, as in the symbol table */
} place_t;

/* False: it is in no file that the linker has loaded. */
bool place_find(const void *address, place_t *place);

/* "FILE+0xOFFSET", and " SYMBOL" if there is one; `program` names the program itself. False: nothing was
 * added. */
bool place_add(text_t *text, const void *address, const char *program);

/* Is the address in a segment of this file? For callers of dl_iterate_phdr. */
bool place_is_in(const struct dl_phdr_info *object, uintptr_t address);

#endif
