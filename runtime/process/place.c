/* place: see place.h. Uses dl_iterate_phdr and dladdr, which musl has too; not dladdr1, which is glibc's
 * alone. */
#define _GNU_SOURCE
#include "runtime/process/place.h"

#include <dlfcn.h>
#include <stddef.h>

bool place_is_in(const struct dl_phdr_info *object, uintptr_t address)
{
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &object->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && address - object->dlpi_addr - header->p_vaddr < header->p_memsz)
            return true;
    }
    return false;
}

typedef struct search {
    uintptr_t address;
    place_t *place;
} search_t;

static int take_if_in(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    const search_t *search = context;
    if (!place_is_in(object, search->address))
        return 0;
    search->place->file = object->dlpi_name;
    search->place->offset = search->address - object->dlpi_addr;
    return 1;
}

bool place_find(const void *address, place_t *place)
{
    Dl_info names;
    search_t search = {(uintptr_t)address, place};
    if (!dladdr(address, &names) || !dl_iterate_phdr(take_if_in, &search))
        return false;
    place->module = names.dli_fname;
    place->symbol = names.dli_sname;
    return true;
}

bool place_add(text_t *text, const void *address, const char *program)
{
    place_t place;
    if (!place_find(address, &place))
        return false;
    text_add_str(text, place.file[0] ? place.file : program);
    text_add_char(text, '+');
    text_add_hex(text, place.offset);
    if (place.symbol) {
        text_add_char(text, ' ');
        text_add_str(text, place.symbol);
    }
    return true;
}
