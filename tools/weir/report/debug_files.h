/* debug_files: a program or library with its debug information, by elfutils' libdwfl: in the file itself, in
 * a separate one beside it or by build id, from a debuginfod server. */
#ifndef WEIR_TOOLS_DEBUG_FILES_H
#define WEIR_TOOLS_DEBUG_FILES_H

#include <elfutils/libdwfl.h>

/* From now on separate files are looked for in this folder too, by build id. */
void debug_files_look_in(const char *folder);

/* The file, as if it were loaded. NULL: it cannot be read; dwfl_errmsg(-1) says why. Else dwfl_end is due. */
Dwfl *debug_files_open(const char *file, Dwfl_Module **module);

#endif
