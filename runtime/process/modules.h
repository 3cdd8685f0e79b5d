/* modules: what code is mapped where: the executable mappings of files (maps.h), with the build ids of the
 * files, so that addresses can be named later and elsewhere.
 *
 * Neither allocates nor locks. Reads the ELF headers by peek.h, since a library may be unmapped meanwhile.
 */
#ifndef WEIR_PROCESS_MODULES_H
#define WEIR_PROCESS_MODULES_H

#include <stddef.h>
#include <stdint.h>

enum { MODULES_ID = 20 /* bytes of a build id: SHA-1 */ };

typedef struct module {
    uintptr_t from, to;
    uint64_t offset; /* in the file */
    const char *name;
    size_t name_length;
    uint8_t id[MODULES_ID];
    uint32_t id_length; /* 0: not known */
} module_t;

/* Fill in up to `room` modules, sorted by address; their names go into `names`, of that many bytes. Returns
 * how many. What there is no room for is left out; without /proc there are none. */
size_t modules_read(module_t *modules, size_t room, char *names, size_t names_size);

#endif
