/* callers: see callers.h. */
#define _GNU_SOURCE
#include "runtime/service/callers.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>

/* The linker's own index needs no lock (glibc 2.35); the lock around its list, which dl_iterate_phdr takes,
 * may be held for ever in the child of a fork. */
const char *callers_file(uintptr_t address)
{
    struct dl_find_object found;
    if (_dl_find_object((void *)address, &found) != 0)
        return NULL;
    const char *name = found.dlfo_link_map->l_name, *slash = strrchr(name, '/');
    if (!*name) /* the program */
        return program_invocation_short_name;
    return slash ? slash + 1 : name;
}
