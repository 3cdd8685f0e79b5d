/* debug_files: see debug_files.h. */
#include "tools/weir/report/debug_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/report/profile.h"

static char *folders = NULL; /* where libdwfl looks by itself */

static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                         .find_debuginfo = dwfl_standard_find_debuginfo,
                                         .section_address = dwfl_offline_section_address,
                                         .debuginfo_path = &folders};

/* Beside the file, in that folder, and where Debian puts them. */
void debug_files_look_in(const char *folder)
{
    static const char around[] = ":.debug:%s:/usr/lib/debug";
    char *whole = realpath(folder, NULL); /* libdwfl takes a relative one as relative to the file */
    size_t room = sizeof around + strlen(whole ? whole : folder);
    folders = profile_room(room, 1);
    snprintf(folders, room, around, whole ? whole : folder);
    free(whole);
}

Dwfl *debug_files_open(const char *file, Dwfl_Module **module)
{
    Dwfl *dwfl = dwfl_begin(&callbacks);
    *module = dwfl ? dwfl_report_offline(dwfl, file, file, -1) : NULL;
    if (*module && dwfl_report_end(dwfl, NULL, NULL) == 0)
        return dwfl;
    dwfl_end(dwfl);
    return NULL;
}
