/* source: lines of the program's source. */
#ifndef WEIR_TOOLS_REPORT_SOURCE_H
#define WEIR_TOOLS_REPORT_SOURCE_H

/* The line, without its end; NULL: it is not there. The caller frees it. */
char *source_line(const char *path, int number);

#endif
