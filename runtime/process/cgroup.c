/* cgroup: see cgroup.h. */
#include "runtime/process/cgroup.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/base/text.h"

#define MOUNT "/sys/fs/cgroup"
enum { LONGEST = 4096 }; /* bytes of a path, and of what is read of /proc/self/cgroup */

/* Visit the file of one group and of each group above it. `controller` is "" for version 2. */
static void visit_group(const char *root, const char *controller, const char *file, const char *group,
                        size_t length, cgroup_visitor_t *visit)
{
    while (length > 0 && group[length - 1] == '/')
        length--;
    for (;;) {
        static char room[LONGEST];
        text_t path = text_on(room, sizeof room);
        text_add_str(&path, root);
        text_add_str(&path, MOUNT);
        text_add_str(&path, controller[0] ? "/" : "");
        text_add_str(&path, controller);
        text_add_chars(&path, group, length);
        text_add_str(&path, file);
        if (!path.truncated)
            visit(room);
        if (length == 0)
            return;
        while (length > 0 && group[--length] != '/')
            ;
    }
}

/* Is the word among the comma-separated ones from start to end? */
static bool lists_word(const char *start, const char *end, const char *word)
{
    size_t length = strlen(word);
    while (start < end) {
        const char *comma = memchr(start, ',', (size_t)(end - start));
        const char *stop = comma != NULL ? comma : end;
        if ((size_t)(stop - start) == length && memcmp(start, word, length) == 0)
            return true;
        start = stop + 1;
    }
    return false;
}

void cgroup_visit(const char *root, const cgroup_files_t *files, cgroup_visitor_t *visit)
{
    static char room[LONGEST], groups[LONGEST]; /* not on a stack that may be small */
    text_t path = text_on(room, sizeof room);
    text_add_str(&path, root);
    text_add_str(&path, "/proc/self/cgroup");
    if (!path.truncated && file_read(room, groups, sizeof groups)) {
        for (char *line = groups, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            char *controllers = strchr(line, ':');
            char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
            if (group == NULL)
                continue;
            bool is_version2 = strncmp(line, "0::", 3) == 0;
            if (!is_version2 && !lists_word(controllers + 1, group, files->controller))
                continue;
            visit_group(root, is_version2 ? "" : files->controller,
                        is_version2 ? files->version2 : files->version1, group + 1, (size_t)(end - group - 1),
                        visit);
        }
    }
}
