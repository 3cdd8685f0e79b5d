/* source: see source.h. */
#include "tools/weir/report/source.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *source_line(const char *path, int number)
{
    FILE *file = path && number > 0 ? fopen(path, "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    bool found = file != NULL;
    for (int i = 0; found && i < number; i++)
        found = getline(&line, &room, file) > 0;
    if (file)
        fclose(file);
    if (found) {
        line[strcspn(line, "\r\n")] = '\0';
        return line;
    }
    free(line);
    return NULL;
}
