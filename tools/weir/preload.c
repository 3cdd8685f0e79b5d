/* preload: see preload.h. LD_PRELOAD is the dynamic linker's affair: a program without one (no PT_INTERP in
 * its ELF header: static), of another word size, or that gains privileges when executed, runs without the
 * library.
 */
#include "tools/weir/preload.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LIBRARY "libweir-malloc.so"
#ifndef WEIR_MALLOC_FROM_COMMAND
#define WEIR_MALLOC_FROM_COMMAND "../lib/" LIBRARY
#endif

bool preload_find_library(char *path, size_t size)
{
    static const char *const places[] = {LIBRARY, WEIR_MALLOC_FROM_COMMAND};
    const char *given = getenv("WEIR_LIBRARY");
    char resolved[PATH_MAX], command[PATH_MAX], place[2 * PATH_MAX];
    if (given != NULL && *given != '\0')
        return realpath(given, resolved) != NULL && (size_t)snprintf(path, size, "%s", resolved) < size;

    ssize_t length = readlink("/proc/self/exe", command, sizeof command - 1);
    if (length <= 0)
        return false;
    command[length] = '\0';
    *(strrchr(command, '/') + 1) = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(place, sizeof place, "%s%s", command, places[i]);
        if (realpath(place, resolved) != NULL)
            return (size_t)snprintf(path, size, "%s", resolved) < size;
    }
    return false;
}

/* Where execvp would find the program; false if nowhere. */
static bool find_program(const char *program, char *path, size_t size)
{
    if (strchr(program, '/') != NULL)
        return (size_t)snprintf(path, size, "%s", program) < size;
    const char *folders = getenv("PATH");
    for (const char *start = folders != NULL ? folders : "/bin:/usr/bin", *end;; start = end + 1) {
        struct stat status;
        end = strchrnul(start, ':');
        int written =
            snprintf(path, size, "%.*s%s%s", (int)(end - start), start, end > start ? "/" : "", program);
        if (written > 0 && (size_t)written < size && access(path, X_OK) == 0 && stat(path, &status) == 0 &&
            S_ISREG(status.st_mode))
            return true;
        if (*end == '\0')
            return false;
    }
}

/* Does the program run with other rights than its caller's? The kernel then marks it, and the linker takes no
 * library from the environment. */
static bool gains_privileges(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return false;
    return ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) ||
           ((status.st_mode & S_ISGID) != 0 && status.st_gid != getgid()) ||
           (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0);
}

static const char *elf_obstacle(int fd, const Elf64_Ehdr *header)
{
    if (header->e_ident[EI_CLASS] != ELFCLASS64)
        return "is a 32-bit program";
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        off_t at = (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize);
        if (pread(fd, &segment, sizeof segment, at) != sizeof segment || segment.p_type == PT_INTERP)
            return NULL;
    }
    return "is statically linked";
}

/* The interpreter that a script's first line names, as a string in that line; NULL if it names none. */
static const char *script_interpreter(char *line)
{
    if (strncmp(line, "#!", 2) != 0)
        return NULL;
    char *start = line + 2 + strspn(line + 2, " \t");
    start[strcspn(start, " \t\n")] = '\0';
    return *start != '\0' ? start : NULL;
}

const char *preload_obstacle(const char *program)
{
    char path[PATH_MAX];
    union {
        Elf64_Ehdr elf;
        char line[256]; /* as much as the kernel reads of a script's first line */
    } head = {0};

    if (!find_program(program, path, sizeof path))
        return NULL;
    for (int scripts = 0; scripts < 4; scripts++) { /* the kernel follows no more of them either */
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return gains_privileges(path) ? "gains privileges" : NULL;
        ssize_t length = pread(fd, &head, sizeof head - 1, 0);
        bool is_elf = length >= (ssize_t)sizeof head.elf && memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0;
        const char *obstacle = !is_elf                  ? NULL
                               : gains_privileges(path) ? "gains privileges"
                                                        : elf_obstacle(fd, &head.elf);
        close(fd);
        if (is_elf || length <= 0)
            return obstacle;
        head.line[length] = '\0';
        const char *interpreter = script_interpreter(head.line);
        if (interpreter == NULL)
            return NULL;
        snprintf(path, sizeof path, "%s", interpreter);
    }
    return NULL;
}
