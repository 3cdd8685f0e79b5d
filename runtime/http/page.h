/* page: the files of the page at /, which are part of the library: those of runtime/http/page, and uPlot's,
 * which the build fetches with npm. A build without npm has none of them.
 */
#ifndef WEIR_HTTP_PAGE_H
#define WEIR_HTTP_PAGE_H

#include <stddef.h>

typedef struct page_file {
    const char *path; /* "/", "/page.css" */
    const char *type; /* Content-Type */
    const unsigned char *bytes;
    size_t length;
} page_file;

/* The file of this path; NULL: there is none, or no page. */
const page_file *page_find(const char *path);

#endif
