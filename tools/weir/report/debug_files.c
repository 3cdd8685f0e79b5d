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

/* libdwfl then looks beside the file, in its .debug, in that folder, and where Debian puts debug files. */
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

bool debug_files_address(Dwfl_Module *module, uint64_t offset, GElf_Addr *found)
{
    GElf_Addr bias;
    Elf *elf = dwfl_module_getelf(module, &bias);
    size_t count = 0;
    if (!elf || elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr part;
        if (gelf_getphdr(elf, (int)i, &part) && part.p_type == PT_LOAD && offset >= part.p_offset &&
            offset - part.p_offset < part.p_filesz) {
            *found = offset - part.p_offset + part.p_vaddr + bias;
            return true;
        }
    }
    return false;
}

/* clang writes no table of which unit has which addresses (.debug_aranges). */
Dwarf_Die *debug_files_unit(Dwfl_Module *module, GElf_Addr address, Dwarf_Addr *bias)
{
    Dwarf_Die *unit = dwfl_module_addrdie(module, address, bias);
    for (Dwarf_Die *next = NULL; !unit && (next = dwfl_module_nextcu(module, next, bias));)
        if (dwarf_haspc(next, address - *bias) == 1)
            unit = next;
    return unit;
}

bool debug_files_is(Dwfl_Module *module, const char *build_id)
{
    const unsigned char *bits;
    GElf_Addr where;
    int length = dwfl_module_build_id(module, &bits, &where);
    if (length <= 0 || !build_id || !*build_id)
        return true;
    for (int i = 0; i < length; i++) {
        char two[3];
        snprintf(two, sizeof two, "%02x", bits[i]);
        if (strncmp(build_id + 2 * i, two, 2) != 0)
            return false;
    }
    return true;
}
