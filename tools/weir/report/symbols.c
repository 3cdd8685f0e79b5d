/* symbols: names for addresses, by elfutils' libdwfl: symbol tables, debug information, separate debug files
 * by build id, and calls that were inlined. C++ names are made readable by c++filt, if it is there.
 */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/report/debug_files.h"
#include "tools/weir/report/profile.h"

static const mapping_t *mapping_of(const profile_t *profile, const location_t *location)
{
    for (size_t i = 0; i < profile->mapping_count; i++)
        if (profile->mappings[i].id == location->mapping)
            return &profile->mappings[i];
    return NULL;
}

/* --- one file at a time --- */

static void set_source(frame_t *frame, const char *file, int line)
{
    frame->file = file ? profile_copy(file, strlen(file)) : NULL;
    frame->line = line;
}

static const char *name_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
    return name ? name : dwarf_diename(die);
}

static bool is_function(Dwarf_Die *die)
{
    return dwarf_tag(die) == DW_TAG_inlined_subroutine || dwarf_tag(die) == DW_TAG_subprogram;
}

/* An inlined call is a scope within the function that it was inlined into, and says where it was called. */
static size_t take_scopes(Dwfl_Module *module, GElf_Addr address, frame_t *frames, size_t room)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = debug_files_unit(module, address, &bias), *scopes = NULL;
    Dwarf_Files *files = NULL;
    int count = unit ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
    Dwarf_Die *all = NULL;
    if (count > 0)
        count = dwarf_getscopes_die(&scopes[0], &all);
    if (unit)
        dwarf_getsrcfiles(unit, &files, NULL);
    size_t used = 0;
    for (int i = 0; i < count && used < room; i++) {
        if (!is_function(&all[i]))
            continue;
        const char *name = name_of(&all[i]);
        frames[used].function = profile_copy(name ? name : "?", strlen(name ? name : "?"));
        frames[used++].is_named = name != NULL;
        if (dwarf_tag(&all[i]) == DW_TAG_subprogram)
            break;
        Dwarf_Attribute attribute;
        Dwarf_Word file = 0, line = 0;
        dwarf_formudata(dwarf_attr(&all[i], DW_AT_call_file, &attribute), &file);
        dwarf_formudata(dwarf_attr(&all[i], DW_AT_call_line, &attribute), &line);
        if (used < room)
            set_source(&frames[used], files ? dwarf_filesrc(files, file, NULL, NULL) : NULL, line_of(line));
    }
    free(scopes);
    free(all);
    return used;
}

static void set_line(Dwfl_Module *module, GElf_Addr address, frame_t *frame)
{
    Dwfl_Line *line = dwfl_module_getsrc(module, address);
    Dwarf_Addr bias;
    Dwarf_Die *unit = line ? NULL : debug_files_unit(module, address, &bias);
    Dwarf_Line *found = unit ? dwarf_getsrc_die(unit, address - bias) : NULL;
    int number = 0;
    const char *file = line    ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL)
                       : found ? dwarf_linesrc(found, NULL, NULL)
                               : NULL;
    if (found)
        dwarf_lineno(found, &number);
    set_source(frame, file, number);
}

static void name_location(Dwfl_Module *module, GElf_Addr address, location_t *location)
{
    enum { INLINED = 32 };
    frame_t frames[INLINED] = {{.function = NULL}};
    set_line(module, address, &frames[0]);
    size_t count = take_scopes(module, address, frames, INLINED);
    if (count == 0) {
        const char *name = dwfl_module_addrname(module, address);
        if (!name)
            return;
        frames[0].function = profile_copy(name, strlen(name));
        frames[0].is_named = true;
        count = 1;
    }
    location->frames = profile_room(count, sizeof *frames);
    location->frame_count = count;
    memcpy(location->frames, frames, count * sizeof *frames);
}

/* What nobody knows is called by its place in the file. */
static void name_by_place(const mapping_t *mapping, location_t *location)
{
    char place[512];
    const char *slash = mapping && mapping->file ? strrchr(mapping->file, '/') : NULL;
    const char *file = slash ? slash + 1 : mapping && mapping->file ? mapping->file : "?";
    uint64_t offset = mapping ? profile_offset(mapping, location->address) : location->address;
    snprintf(place, sizeof place, "%s+%#llx", file, (unsigned long long)offset);
    location->frames = profile_room(1, sizeof *location->frames);
    location->frame_count = 1;
    location->frames[0] = (frame_t){.function = profile_copy(place, strlen(place))};
}

static void name_all_of(profile_t *profile, const mapping_t *mapping)
{
    Dwfl_Module *module;
    Dwfl *dwfl = mapping->file ? debug_files_open(mapping->file, &module) : NULL;
    if (dwfl && debug_files_is(module, mapping->build_id))
        for (size_t i = 0; i < profile->location_count; i++) {
            location_t *location = &profile->locations[i];
            GElf_Addr address;
            if (location->mapping == mapping->id && !location->frames &&
                debug_files_address(module, profile_offset(mapping, location->address), &address))
                name_location(module, address, location);
        }
    dwfl_end(dwfl);
}

char *profile_symbol_at(const char *file, unsigned long long address)
{
    Dwfl_Module *module;
    Dwfl *dwfl = debug_files_open(file, &module);
    GElf_Addr bias;
    const char *name = NULL;
    if (dwfl && dwfl_module_getelf(module, &bias))
        name = dwfl_module_addrname(module, address + bias);
    char *copy = name ? strdup(name) : NULL;
    dwfl_end(dwfl);
    return copy;
}

/* --- C++ --- */

static bool is_mangled(const frame_t *frame)
{
    return frame->is_named && strncmp(frame->function, "_Z", 2) == 0;
}

typedef void visit_t(frame_t *frame, void *context);

static void each_mangled(profile_t *profile, visit_t *visit, void *context)
{
    for (size_t i = 0; i < profile->location_count; i++)
        for (size_t j = 0; j < profile->locations[i].frame_count; j++)
            if (is_mangled(&profile->locations[i].frames[j]))
                visit(&profile->locations[i].frames[j], context);
}

static void write_name(frame_t *frame, void *file)
{
    fprintf(file, "%s\n", frame->function);
}

static void read_name(frame_t *frame, void *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, file);
    if (length > 1)
        frame->function = profile_copy(line, (size_t)length - 1);
    free(line);
}

/* The names go to a file and come back by a pipe, so that neither side waits for the other. */
static void make_readable(profile_t *profile)
{
    FILE *names = tmpfile();
    int ends[2];
    if (!names)
        return;
    each_mangled(profile, write_name, names);
    fflush(names);
    rewind(names);
    if (pipe(ends) != 0) {
        fclose(names);
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(names), STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("c++filt", "c++filt", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *answers = fdopen(ends[0], "r");
    if (answers) {
        each_mangled(profile, read_name, answers);
        fclose(answers);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
    fclose(names);
}

void profile_find_symbols(profile_t *profile, const char *debug_folder)
{
    if (debug_folder)
        debug_files_look_in(debug_folder);
    for (size_t i = 0; i < profile->mapping_count; i++)
        name_all_of(profile, &profile->mappings[i]);
    for (size_t i = 0; i < profile->location_count; i++)
        if (!profile->locations[i].frames)
            name_by_place(mapping_of(profile, &profile->locations[i]), &profile->locations[i]);
    make_readable(profile);
}
