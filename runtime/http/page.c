/* page: see page.h. The build makes page_files.inc from the files (tools/cmake/embed.cmake), and defines
 * WEIR_PAGE if it has them.
 */
#include "runtime/http/page.h"

#include <string.h>

#ifdef WEIR_PAGE

#include "runtime/http/page_files.inc"

static const page_file files[] = {FILES};

const page_file *page_find(const char *path)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strcmp(path, files[i].path) == 0)
            return &files[i];
    return NULL;
}

#else

const page_file *page_find(const char *path)
{
    (void)path;
    return NULL;
}

#endif
