/* debug_files: a program or library with its debug information, by elfutils' libdwfl: in the file itself, in
 * a separate one beside it or by build id, from a debuginfod server. */
#ifndef WEIR_TOOLS_DEBUG_FILES_H
#define WEIR_TOOLS_DEBUG_FILES_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

/* From now on separate files are looked for in this folder too, by build id. */
void debug_files_look_in(const char *folder);

/* The file, as if it were loaded; the caller ends it by dwfl_end. NULL: it cannot be read, and
 * dwfl_errmsg(-1) says why. */
Dwfl *debug_files_open(const char *file, Dwfl_Module **module);

/* The address, as if the file were loaded, of what lies at an offset in it: by the segment that it lies in.
 * False: in none. */
bool debug_files_address(Dwfl_Module *module, uint64_t offset, GElf_Addr *found);

/* The unit of debug information that describes the code at an address; *bias: what to subtract from the
 * address for libdw. NULL: none. */
Dwarf_Die *debug_files_unit(Dwfl_Module *module, GElf_Addr address, Dwarf_Addr *bias);

/* Is it the file of that build id, in hexadecimal? Else it has been replaced, and its names would be wrong.
 * NULL or "": yes. */
bool debug_files_is(Dwfl_Module *module, const char *build_id);

#endif
