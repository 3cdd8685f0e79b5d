/* file_name: see file_name.h. */
#define _GNU_SOURCE
#include "runtime/observe/file_name.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void file_name_settle(file_name_t *name, const char *pattern)
{
    text_t whole = text_on(name->pattern, sizeof name->pattern);
    if (pattern[0] != '/' && getcwd(name->pattern, sizeof name->pattern)) {
        whole.length = strlen(name->pattern);
        text_add_char(&whole, '/');
    }
    text_add_str(&whole, pattern);
    if (whole.truncated)
        name->pattern[0] = '\0';
    name->process = getpid();
}

void file_name_expand(const file_name_t *name, uint32_t number, text_t *path)
{
    bool has_process = false;
    for (const char *c = name->pattern; *c; c++) {
        if (c[0] == '%' && c[1] == 'p') {
            text_add_u64(path, (uint64_t)getpid());
            has_process = true;
            c++;
        } else if (c[0] == '%' && c[1] == 'n') {
            text_add_u64(path, number);
            c++;
        } else {
            text_add_char(path, *c);
        }
    }
    if (!has_process && getpid() != name->process) {
        text_add_char(path, '.');
        text_add_u64(path, (uint64_t)getpid());
    }
}

/* glibc's strerror takes the locale's lock and may allocate; musl's does neither. */
static const char *meaning_of(int error)
{
#ifdef __GLIBC__
    return strerrordesc_np(error);
#else
    return strerror(error);
#endif
}

/* Only the end of a long path is shown. */
void file_name_report(const char *what, const char *path)
{
    enum { SHOWN = 256 };
    char room[SHOWN + 128];
    text_t line = text_on(room, sizeof room);
    int error = errno;
    const char *meaning = meaning_of(error);
    text_add_str(&line, "weir: ");
    text_add_str(&line, what);
    text_add_str(&line, ": ");
    size_t length = strlen(path);
    text_add_str(&line, length > SHOWN ? "..." : "");
    text_add_str(&line, length > SHOWN ? path + length - SHOWN : path);
    text_add_str(&line, ": ");
    text_add_str(&line, meaning ? meaning : "unknown error");
    text_add_char(&line, '\n');
    text_flush(&line, STDERR_FILENO);
    errno = error;
}
