/* tracked: memory of the commands. A command does not free it, because it ends; a fuzz target frees it after
 * each input.
 *
 * The commands' sources are compiled with this header in front, which leads their calls here. Blocks stand in
 * a list; each is one of the C library's, of its exact size, so that AddressSanitizer sees what is written
 * outside of it.
 */
#ifndef WEIR_FUZZ_TRACKED_H
#define WEIR_FUZZ_TRACKED_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *tracked_calloc(size_t count, size_t size);
void *tracked_realloc(void *block, size_t size);
void *tracked_reallocarray(void *block, size_t count, size_t size);
char *tracked_strndup(const char *text, size_t most);
int tracked_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));
ssize_t tracked_getline(char **line, size_t *size, FILE *file);
char *tracked_realpath(const char *path, char *resolved);
int tracked_regcomp(regex_t *regexp, const char *pattern, int flags);
void tracked_free(void *block);

void tracked_free_all(void);

#ifdef TRACKED
#define calloc tracked_calloc
#define realloc tracked_realloc
#define reallocarray tracked_reallocarray
#define strndup tracked_strndup
#define asprintf tracked_asprintf
#define getline tracked_getline
#define realpath tracked_realpath
#define regcomp tracked_regcomp
#define free tracked_free
#endif

#endif
