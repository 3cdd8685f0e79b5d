/* file_name: the names of files that the runtime writes for the user: profiles, traces.
 *
 *     pattern  weir-%p-%n.json        %p: the process, %n: the number of the file
 *
 * A relative name is relative to the directory in which the program began. If the pattern has no %p, a child
 * of fork appends its process id to the name, so that it does not write over its parent's file.
 */
#ifndef WEIR_OBSERVE_FILE_NAME_H
#define WEIR_OBSERVE_FILE_NAME_H

#include <limits.h>
#include <stdint.h>

#include "runtime/base/text.h"

/* Written by file_name_settle alone, before there are threads that read it. */
typedef struct file_name {
    char pattern[PATH_MAX]; /* absolute; empty: there is none, or it is too long */
    int process;            /* that called file_name_settle */
} file_name_t;

/* Keep the pattern as an absolute path, and which process has called. */
void file_name_settle(file_name_t *name, const char *pattern);

/* Add the name for this process; a name that is too long for the text is truncated there. */
void file_name_expand(const file_name_t *name, uint32_t number, text_t *path);

/* "weir: WHAT: PATH: why", the reason from errno, which is kept. */
void file_name_report(const char *what, const char *path);

#endif
