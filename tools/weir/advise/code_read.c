/* code_read: see code_read.h. */
#include "tools/weir/advise/code_read.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/report/debug_files.h"
#include "tools/weir/saturate.h"

struct code_file {
    const mapping_t *mapping;
    Dwfl *dwfl;
    Dwfl_Module *module;
    bool is_known; /* x86-64, and the file that was mapped */
};
typedef struct code_file file_t;

enum { RANGES = 16, MOST = 1 << 20 };

/* A direct-mapped cache: an address takes the entry of another one with the same hash. */
typedef struct found {
    uint64_t address;
    const code_function_t *function;
} found_t;

enum { FOUND = 1 << 14 };

static struct {
    file_t *files;
    size_t file_count;
    code_function_t *functions;
    found_t *found; /* FOUND of them, made at the first question */
} code;

/* --- bytes --- */

/* What the file has at the address, and how many bytes from there on. */
static const uint8_t *bytes_at(const file_t *file, uint64_t address, size_t *room)
{
    GElf_Addr bias;
    Elf *elf = dwfl_module_getelf(file->module, &bias);
    size_t count = 0, size = 0;
    const char *raw = elf ? elf_rawfile(elf, &size) : NULL;
    if (!raw || elf_getphdrnum(elf, &count) != 0)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr part;
        uint64_t in = address - bias;
        if (!gelf_getphdr(elf, (int)i, &part) || part.p_type != PT_LOAD || in < part.p_vaddr ||
            in - part.p_vaddr >= part.p_filesz || add(part.p_offset, part.p_filesz) > size)
            continue;
        *room = part.p_filesz - (in - part.p_vaddr);
        return (const uint8_t *)raw + part.p_offset + (in - part.p_vaddr);
    }
    return NULL;
}

/* --- calls that return twice --- */

static bool returns_twice(const char *name)
{
    static const char *const names[] = {"setjmp", "_setjmp",    "sigsetjmp",   "__sigsetjmp",
                                        "vfork",  "getcontext", "swapcontext", "__sigsetjmp_chk"};
    for (size_t i = 0; name && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The name of the symbol whose address the linker writes to the slot. */
static const char *name_of_slot(const file_t *file, uint64_t slot)
{
    GElf_Addr bias;
    Elf *elf = dwfl_module_getelf(file->module, &bias);
    for (Elf_Scn *section = NULL; elf && (section = elf_nextscn(elf, section));) {
        GElf_Shdr header, symbols, link;
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA || header.sh_entsize == 0)
            continue;
        Elf_Data *data = elf_getdata(section, NULL);
        Elf_Scn *symbol_section = elf_getscn(elf, header.sh_link);
        if (!data || !symbol_section || !gelf_getshdr(symbol_section, &symbols) ||
            (symbols.sh_type != SHT_DYNSYM && symbols.sh_type != SHT_SYMTAB))
            continue;
        Elf_Data *names = elf_getdata(symbol_section, NULL);
        GElf_Rela entry;
        for (int i = 0; names && gelf_getrela(data, i, &entry); i++) {
            GElf_Sym symbol;
            if (entry.r_offset == slot - bias && gelf_getsym(names, (int)GELF_R_SYM(entry.r_info), &symbol) &&
                gelf_getshdr(elf_getscn(elf, symbols.sh_link), &link))
                return elf_strptr(elf, symbols.sh_link, symbol.st_name);
        }
    }
    return NULL;
}

/* The name of the function at the target or, if a stub of the linkage table (PLT) is there, of the symbol of
 * the slot by which it jumps. */
static const char *name_of_target(const file_t *file, uint64_t target)
{
    for (int i = 0; i < 3; i++) { /* endbr64 and the like before the jump */
        size_t room;
        instruction_t instruction;
        const uint8_t *bytes = bytes_at(file, target, &room);
        if (!bytes || !instruction_read(bytes, room, target, &instruction))
            return NULL;
        if (instruction.kind == INSTRUCTION_INDIRECT)
            return instruction.slot ? name_of_slot(file, instruction.slot) : NULL;
        if (i == 0) {
            GElf_Off offset;
            GElf_Sym symbol;
            const char *name = dwfl_module_addrinfo(file->module, target, &offset, &symbol, NULL, NULL, NULL);
            if (name && offset == 0)
                return name;
        }
        target += instruction.length;
    }
    return NULL;
}

static bool calls_again(const file_t *file, const instruction_t *call)
{
    return returns_twice(call->slot     ? name_of_slot(file, call->slot)
                         : call->target ? name_of_target(file, call->target)
                                        : NULL);
}

/* --- a function --- */

size_t code_read_place_at(const code_function_t *function, uint64_t address)
{
    size_t low = 0, high = function->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const code_place_t *place = &function->places[middle];
        if (address >= place->address + place->instruction.length)
            low = middle + 1;
        else
            high = middle;
    }
    return low < function->count && function->places[low].address <= address ? low : SIZE_MAX;
}

static bool decode(code_function_t *function, range_t range)
{
    for (uint64_t at = range.from; at < range.to;) {
        size_t room;
        code_place_t place = {.address = at};
        const uint8_t *bytes = bytes_at(function->file, at, &room);
        if (!bytes || function->count == MOST ||
            !instruction_read(bytes, room < range.to - at ? room : range.to - at, at, &place.instruction))
            return false;
        if (function->count % 256 == 0) {
            code_place_t *places = profile_room(function->count + 256, sizeof *places);
            if (function->count)
                memcpy(places, function->places, function->count * sizeof *places);
            free(function->places);
            function->places = places;
        }
        function->places[function->count++] = place;
        function->is_indirect |= place.instruction.kind == INSTRUCTION_INDIRECT && !place.instruction.slot;
        if (place.instruction.kind == INSTRUCTION_CALL)
            function->is_reentered |= calls_again(function->file, &place.instruction);
        at += place.instruction.length;
    }
    return true;
}

static int by_address(const void *left, const void *right)
{
    const range_t *a = left, *b = right;
    return (a->from > b->from) - (a->from < b->from);
}

static void read_code(code_function_t *function, uint64_t entry)
{
    qsort(function->ranges, function->range_count, sizeof *function->ranges, by_address);
    function->is_known = function->range_count > 0;
    for (size_t i = 0; i < function->range_count && function->is_known; i++)
        function->is_known = decode(function, function->ranges[i]);
    function->entry = code_read_place_at(function, entry);
    function->is_known &= function->entry != SIZE_MAX;
}

/* By its debug information: a function may lie in several ranges. */
static bool find_described(code_function_t *function, uint64_t address, uint64_t *entry)
{
    Dwarf_Addr bias, base = 0, from, to;
    Dwarf_Die *unit = debug_files_unit(function->file->module, address, &bias), *scopes = NULL;
    int count = unit ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
    bool found = false;
    for (int i = 0; i < count && !found; i++) {
        if (dwarf_tag(&scopes[i]) != DW_TAG_subprogram)
            continue;
        found = dwarf_entrypc(&scopes[i], &from) == 0;
        *entry = found ? from + bias : 0;
        ptrdiff_t at = 0;
        while (found && (at = dwarf_ranges(&scopes[i], at, &base, &from, &to)) > 0 &&
               function->range_count < RANGES)
            function->ranges[function->range_count++] = (range_t){from + bias, to + bias};
    }
    free(scopes);
    return found && function->range_count > 0;
}

static bool find_symbol(code_function_t *function, uint64_t address, uint64_t *entry)
{
    GElf_Off offset;
    GElf_Sym symbol;
    if (!dwfl_module_addrinfo(function->file->module, address, &offset, &symbol, NULL, NULL, NULL) ||
        offset >= symbol.st_size)
        return false;
    *entry = address - offset;
    function->ranges[function->range_count++] = (range_t){*entry, add(*entry, symbol.st_size)};
    return true;
}

static bool contains(const code_function_t *function, uint64_t address)
{
    for (size_t i = 0; i < function->range_count; i++)
        if (address >= function->ranges[i].from && address < function->ranges[i].to)
            return true;
    return false;
}

static const code_function_t *function_in(const file_t *file, uint64_t address)
{
    for (code_function_t *function = code.functions; function; function = function->next)
        if (function->file == file && contains(function, address))
            return function;
    code_function_t *function = profile_room(1, sizeof *function);
    uint64_t entry;
    function->file = file;
    function->ranges = profile_room(RANGES, sizeof *function->ranges);
    if (!find_described(function, address, &entry) && !find_symbol(function, address, &entry))
        function->ranges[function->range_count++] = (range_t){address, address + 1};
    else
        read_code(function, entry);
    function->next = code.functions;
    return code.functions = function;
}

/* --- files --- */

static bool is_x86_64(Dwfl_Module *module)
{
    GElf_Addr bias;
    GElf_Ehdr header;
    Elf *elf = dwfl_module_getelf(module, &bias);
    return elf && gelf_getehdr(elf, &header) && header.e_machine == EM_X86_64;
}

static const file_t *file_of(const profile_t *profile, const mapping_t *mapping)
{
    if (!code.files)
        code.files = profile_room(profile->mapping_count + 1, sizeof *code.files);
    for (size_t i = 0; i < code.file_count; i++)
        if (code.files[i].mapping == mapping)
            return &code.files[i];
    file_t *file = &code.files[code.file_count++];
    file->mapping = mapping;
    file->dwfl = mapping->file ? debug_files_open(mapping->file, &file->module) : NULL;
    file->is_known = file->dwfl && debug_files_is(file->module, mapping->build_id) && is_x86_64(file->module);
    return file;
}

/* The file that is mapped at the address. *in_file: the address in the file, as debug_files_open places
 * it. */
static const file_t *find(const profile_t *profile, uint64_t address, uint64_t *in_file)
{
    for (size_t i = 0; i < profile->mapping_count; i++) {
        const mapping_t *mapping = &profile->mappings[i];
        if (address < mapping->start || address >= mapping->limit)
            continue;
        const file_t *file = file_of(profile, mapping);
        GElf_Addr found;
        if (!file->is_known || !debug_files_address(file->module, profile_offset(mapping, address), &found))
            return NULL;
        *in_file = found;
        return file;
    }
    return NULL;
}

const code_function_t *code_read_function(const profile_t *profile, uint64_t address)
{
    if (!code.found)
        code.found = profile_room(FOUND, sizeof *code.found);
    found_t *found = &code.found[address * 0x9e3779b97f4a7c15u >> 50 & (FOUND - 1)];
    uint64_t in_file;
    if (found->address == address)
        return found->function;
    const file_t *file = find(profile, address, &in_file);
    const code_function_t *function = file ? function_in(file, in_file) : NULL;
    *found = (found_t){address, function && function->is_known ? function : NULL};
    return found->function;
}

size_t code_read_place(const code_function_t *function, uint64_t address)
{
    const mapping_t *mapping = function->file->mapping;
    GElf_Addr found;
    if (address < mapping->start || address >= mapping->limit ||
        !debug_files_address(function->file->module, profile_offset(mapping, address), &found))
        return SIZE_MAX;
    return code_read_place_at(function, found);
}
