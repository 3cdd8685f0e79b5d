/* tracked: see tracked.h. */
#include "tests/fuzz/tracked.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>

typedef struct head {
    alignas(max_align_t) struct head *next, *previous; /* in a ring around `all` */
    size_t size;
} head_t;

static head_t all = {.next = &all, .previous = &all};

enum { REGEXPS = 64 };
static regex_t *regexps[REGEXPS]; /* each lies in a tracked block */
static size_t regexp_count;

static void *new_block(size_t size)
{
    head_t *head = calloc(1, sizeof *head + size);
    if (head == NULL)
        abort();
    *head = (head_t){all.next, &all, size};
    head->next->previous = all.next = head;
    return head + 1;
}

void *tracked_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)1 << 30)
        return NULL;
    return new_block(bytes);
}

void *tracked_realloc(void *block, size_t size)
{
    void *moved = new_block(size);
    if (block != NULL) {
        size_t old = ((head_t *)block - 1)->size;
        memcpy(moved, block, old < size ? old : size);
        tracked_free(block);
    }
    return moved;
}

void *tracked_reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : tracked_realloc(block, bytes);
}

char *tracked_strndup(const char *text, size_t most)
{
    size_t length = strnlen(text, most);
    return memcpy(new_block(length + 1), text, length);
}

int tracked_asprintf(char **text, const char *format, ...)
{
    char *made;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&made, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();
    *text = tracked_strndup(made, (size_t)length);
    free(made);
    return length;
}

/* A block for each line, of its exact size. */
ssize_t tracked_getline(char **line, size_t *size, FILE *file)
{
    char *read = NULL;
    size_t room = 0;
    ssize_t length = getline(&read, &room, file);
    if (length >= 0) {
        tracked_free(*line);
        *size = (size_t)length + 1;
        *line = memcpy(new_block(*size), read, *size);
    }
    free(read);
    return length;
}

char *tracked_realpath(const char *path, char *resolved)
{
    (void)resolved;
    char *found = realpath(path, NULL), *copy = found ? tracked_strndup(found, strlen(found)) : NULL;
    free(found);
    return copy;
}

int tracked_regcomp(regex_t *regexp, const char *pattern, int flags)
{
    int problem = regexp_count < REGEXPS ? regcomp(regexp, pattern, flags) : REG_ESPACE;
    if (problem == 0)
        regexps[regexp_count++] = regexp;
    return problem;
}

void tracked_free(void *block)
{
    if (block == NULL)
        return;
    head_t *head = (head_t *)block - 1;
    head->previous->next = head->next;
    head->next->previous = head->previous;
    free(head);
}

void tracked_free_all(void)
{
    for (; regexp_count > 0; regexp_count--)
        regfree(regexps[regexp_count - 1]);
    while (all.next != &all)
        tracked_free(all.next + 1);
}
