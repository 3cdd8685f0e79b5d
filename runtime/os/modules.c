/* modules: see modules.h. */
#define _GNU_SOURCE
#include "runtime/os/modules.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- the file, read a piece at a time; a line may lie in two of them --- */

typedef struct maps {
    int fd;
    size_t at, length;
    char piece[1024];
} maps_t;

static int next_byte(maps_t *maps)
{
    if (maps->at == maps->length) {
        long got = syscall(SYS_read, maps->fd, maps->piece, sizeof maps->piece);
        if (got <= 0)
            return -1;
        maps->at = 0;
        maps->length = (size_t)got;
    }
    return (unsigned char)maps->piece[maps->at++];
}

static uint64_t next_hex(maps_t *maps)
{
    uint64_t number = 0;
    for (int c; (c = next_byte(maps)) >= 0;) {
        if (c >= '0' && c <= '9')
            number = number << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number << 4 | (uint64_t)(c - 'a' + 10);
        else
            break; /* the - or the blank */
    }
    return number;
}

/* Over the rest of the word, and the blanks behind it; the first character of the next. */
static int skip_word(maps_t *maps)
{
    int c = next_byte(maps);
    while (c > ' ')
        c = next_byte(maps);
    while (c == ' ')
        c = next_byte(maps);
    return c;
}

/* One line: 7f0000000000-7f0000021000 r-xp 00001000 08:01 12345      /usr/lib/libz.so.1
 * Its name goes to `name`, cut if there is no room. False at the end of the file. */
static bool next_line(maps_t *maps, module_t *module, char *access, char *name, size_t room)
{
    module->from = next_hex(maps);
    module->to = next_hex(maps);
    for (size_t i = 0; i < 4; i++)
        access[i] = (char)next_byte(maps);
    next_byte(maps);
    module->offset = next_hex(maps);
    skip_word(maps); /* the device */
    int c = skip_word(maps);
    module->name_length = 0;
    for (; c >= 0 && c != '\n'; c = next_byte(maps))
        if (module->name_length < room)
            name[module->name_length++] = (char)c;
    return c >= 0;
}

/* --- build ids --- */

static bool read_memory(uintptr_t from, void *to, size_t size)
{
    struct iovec here = {to, size}, there = {(void *)from, size};
    return syscall(SYS_process_vm_readv, getpid(), &here, 1, &there, 1, 0) == (long)size;
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
    uintptr_t first = 0;
    bool known = false;
    for (uint32_t i = 0; i < file.e_phnum; i++) {
        Elf64_Phdr part;
        char notes[512];
        if (!read_memory(base + file.e_phoff + i * sizeof part, &part, sizeof part))
            return;
        if (part.p_type == PT_LOAD && !known) {
            first = part.p_vaddr - part.p_offset;
            known = true;
        }
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

/* The lines of a file follow each other, the one of its first byte first. */
static void note_file(file_t *file, const module_t *line, const char *name)
{
    size_t length = line->name_length < sizeof file->name ? line->name_length : sizeof file->name;
    if (line->offset == 0 || length != file->length || memcmp(name, file->name, length) != 0) {
        memcpy(file->name, name, length);
        file->length = length;
        file->base = line->offset == 0 ? line->from : 0;
    }
}

size_t modules_read(module_t *modules, size_t room, char *names, size_t names_size)
{
    int saved = errno;
    maps_t maps = {.fd =
                       (int)syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0)};
    file_t file = {.length = 0};
    size_t count = 0, used = 0;
    module_t line = {.from = 0};
    char access[4];
    while (maps.fd >= 0 && count < room && next_line(&maps, &line, access, names + used, names_size - used)) {
        if (line.name_length == 0 || (names[used] != '/' && names[used] != '['))
            continue;
        note_file(&file, &line, names + used);
        if (access[2] != 'x')
            continue;
        line.name = names + used;
        line.id_length = 0;
        if (file.base)
            find_id(file.base, &line);
        used += line.name_length;
        modules[count++] = line;
    }
    if (maps.fd >= 0)
        syscall(SYS_close, maps.fd);
    errno = saved;
    return count;
}
