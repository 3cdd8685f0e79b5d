/* modules: see modules.h. */
#include "runtime/process/modules.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "runtime/process/maps.h"
#include "runtime/process/peek.h"

/* --- build ids --- */

static bool read_memory(uintptr_t from, void *to, size_t size)
{
    return peek(to, from, size) == size;
}

/* A note: the sizes of name and contents, the kind, the name, the contents; each padded to four bytes. */
static bool take_note(const char *notes, size_t size, module_t *module)
{
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note, contents = name + ((note.n_namesz + 3u) & ~3u);
        size_t end = contents + ((note.n_descsz + 3u) & ~3u);
        if (end > size || end <= at)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + name, "GNU", 4) == 0 &&
            note.n_descsz <= MODULES_ID) {
            module->id_length = note.n_descsz;
            memcpy(module->id, notes + contents, note.n_descsz);
            return true;
        }
        at = end;
    }
    return false;
}

/* `base`: where the file's first byte is mapped. */
static void find_id(uintptr_t base, module_t *module)
{
    Elf64_Ehdr file;
    if (!read_memory(base, &file, sizeof file) || memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 ||
        file.e_phentsize != sizeof(Elf64_Phdr))
        return;
    Elf64_Phdr part = {0};
    for (uint32_t i = 0; part.p_type != PT_LOAD; i++)
        if (i == file.e_phnum || !read_memory(base + file.e_phoff + i * sizeof part, &part, sizeof part))
            return;
    uintptr_t first = part.p_vaddr - part.p_offset; /* the address of `base`, as the file has it */
    for (uint32_t i = 0; i < file.e_phnum; i++) {
        char notes[512];
        if (!read_memory(base + file.e_phoff + i * sizeof part, &part, sizeof part))
            return;
        size_t size = part.p_filesz < sizeof notes ? part.p_filesz : sizeof notes;
        if (part.p_type == PT_NOTE && read_memory(base + part.p_vaddr - first, notes, size) &&
            take_note(notes, size, module))
            return;
    }
}

/* --- all of them --- */

/* The file that the latest lines were about. */
typedef struct file {
    char name[256];
    size_t length;
    uintptr_t base;
} file_t;

/* The lines of a file follow each other. The first of them maps the file's first byte. */
static void note_file(file_t *file, const maps_line_t *line, const char *name)
{
    size_t length = line->length < sizeof file->name ? line->length : sizeof file->name;
    if (line->offset == 0 || length != file->length || memcmp(name, file->name, length) != 0) {
        memcpy(file->name, name, length);
        file->length = length;
        file->base = line->offset == 0 ? line->from : 0;
    }
}

size_t modules_read(module_t *modules, size_t room, char *names, size_t names_size)
{
    int saved = errno;
    char piece[1024];
    maps_t maps;
    maps_line_t line;
    file_t file = {.length = 0};
    size_t count = 0, used = 0;
    bool is_open = maps_open(&maps, piece, sizeof piece);
    while (is_open && count < room && maps_next(&maps, &line, names + used, names_size - used)) {
        if (line.length == 0 || (names[used] != '/' && names[used] != '['))
            continue;
        note_file(&file, &line, names + used);
        if (!(line.may & MAPS_MAY_EXECUTE))
            continue;
        module_t *module = &modules[count++];
        *module = (module_t){line.from, line.to, line.offset, names + used, line.length, .id_length = 0};
        if (file.base)
            find_id(file.base, module);
        used += line.length;
    }
    if (is_open)
        maps_close(&maps);
    errno = saved;
    return count;
}
