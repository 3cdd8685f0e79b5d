/* code: see code.h. Reachability by depth-first search over instructions, each time anew: functions are small. */
#include "tools/weir/advise/code.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/advise/instruction.h"
#include "tools/weir/report/debug_files.h"

typedef struct range {
    uint64_t from, to; /* addresses of the file, as debug_files_open places it */
} range_t;

typedef struct place {
    uint64_t address;
    instruction_t instruction;
} place_t;

typedef struct file {
    const mapping_t *mapping;
    Dwfl *dwfl;
    Dwfl_Module *module;
    bool is_known; /* x86-64, and the file that was mapped */
} file_t;

struct code_function {
    const file_t *file;
    range_t *ranges;
    size_t range_count;
    place_t *places; /* its instructions, by address */
    size_t count, entry;
    bool is_known;     /* all instructions were */
    bool is_reentered; /* by longjmp */
    bool is_indirect;  /* one of its jumps is */
    struct code_function *next;
};

enum { RANGES = 16, MOST = 1 << 20 };

/* Answers that were given, by hash; another with the same hash takes its place. */
enum question {
    QUESTION_NONE,
    QUESTION_FUNCTION,
    QUESTION_REPEATS,
    QUESTION_PRECEDES,
    QUESTION_ALWAYS,
    QUESTION_LEADS,
    QUESTION_TAIL
};

typedef struct answer {
    enum question question;
    uint64_t first, second;
    const code_function_t *function;
    bool is_so;
} answer_t;

enum { ANSWERS = 1 << 14 };

static struct {
    file_t *files;
    size_t file_count;
    code_function_t *functions;
    answer_t answers[ANSWERS];
} code;

/* Its question is set if it is the answer. */
static answer_t *answer_to(enum question question, uint64_t first, uint64_t second)
{
    uint64_t hash = (first * 0x9e3779b97f4a7c15u ^ second) * 0x9e3779b97f4a7c15u + (uint64_t)question * 977;
    answer_t *answer = &code.answers[hash >> 40 & (ANSWERS - 1)];
    if (answer->question != question || answer->first != first || answer->second != second)
        *answer = (answer_t){.first = first, .second = second};
    return answer;
}

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
            in - part.p_vaddr >= part.p_filesz || part.p_offset + part.p_filesz > size)
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

/* Of a function of the file, or of a stub of the linkage table, which jumps by a slot. */
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

static size_t place_at(const code_function_t *function, uint64_t address)
{
    size_t low = 0, high = function->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const place_t *place = &function->places[middle];
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
        place_t place = {.address = at};
        const uint8_t *bytes = bytes_at(function->file, at, &room);
        if (!bytes || function->count == MOST ||
            !instruction_read(bytes, room < range.to - at ? room : range.to - at, at, &place.instruction))
            return false;
        if (function->count % 256 == 0) {
            place_t *places = profile_room(function->count + 256, sizeof *places);
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
    function->entry = place_at(function, entry);
    function->is_known &= function->entry != SIZE_MAX;
}

/* By its debug information: a function may lie in several ranges. */
static bool find_described(code_function_t *function, uint64_t address, uint64_t *entry)
{
    Dwarf_Addr bias, base = 0, from, to;
    Dwarf_Die *unit = dwfl_module_addrdie(function->file->module, address, &bias), *scopes = NULL;
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
    function->ranges[function->range_count++] = (range_t){*entry, *entry + symbol.st_size};
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

/* The address in the file, as debug_files_open places it. */
static const file_t *find(const profile_t *profile, uint64_t address, uint64_t *in_file)
{
    for (size_t i = 0; i < profile->mapping_count; i++) {
        const mapping_t *mapping = &profile->mappings[i];
        if (address < mapping->start || address >= mapping->limit)
            continue;
        const file_t *file = file_of(profile, mapping);
        GElf_Addr found;
        if (!file->is_known ||
            !debug_files_address(file->module, address - mapping->start + mapping->offset, &found))
            return NULL;
        *in_file = found;
        return file;
    }
    return NULL;
}

const code_function_t *code_function_at(const profile_t *profile, uint64_t address)
{
    answer_t *answer = answer_to(QUESTION_FUNCTION, address, 0);
    uint64_t in_file;
    if (answer->question)
        return answer->function;
    const file_t *file = find(profile, address, &in_file);
    const code_function_t *function = file ? function_in(file, in_file) : NULL;
    answer->question = QUESTION_FUNCTION;
    return answer->function = function && function->is_known ? function : NULL;
}

/* Of an address of the process; SIZE_MAX: none. */
static size_t place_of(const code_function_t *function, uint64_t address)
{
    const mapping_t *mapping = function->file->mapping;
    GElf_Addr found;
    if (address < mapping->start || address >= mapping->limit ||
        !debug_files_address(function->file->module, address - mapping->start + mapping->offset, &found))
        return SIZE_MAX;
    return place_at(function, found);
}

/* --- reachability --- */

typedef struct search {
    const code_function_t *function;
    bool *seen;
    size_t *waiting, waiting_count;
    size_t without; /* this place is not passed; SIZE_MAX: all are */
    bool returns;   /* the end of the function was reached */
    bool leaves;    /* by a jump to another one */
} search_t;

static void reach(search_t *search, size_t place)
{
    if (place == search->without || search->seen[place])
        return;
    search->seen[place] = true;
    search->waiting[search->waiting_count++] = place;
}

static void reach_next(search_t *search, size_t place)
{
    const place_t *places = search->function->places;
    if (place + 1 < search->function->count &&
        places[place].address + places[place].instruction.length == places[place + 1].address)
        reach(search, place + 1);
}

/* Out of the function is a call in the place of a return. */
static void reach_target(search_t *search, size_t place)
{
    size_t target = place_at(search->function, search->function->places[place].instruction.target);
    if (target != SIZE_MAX)
        reach(search, target);
    else
        search->returns = search->leaves = true;
}

static void reach_all(search_t *search)
{
    for (size_t i = 0; i < search->function->count; i++)
        reach(search, i);
    search->returns = search->leaves = true;
}

static void follow(search_t *search, size_t place)
{
    switch (search->function->places[place].instruction.kind) {
    case INSTRUCTION_JUMP:
        reach_target(search, place);
        break;
    case INSTRUCTION_CONDITIONAL:
        reach_target(search, place);
        reach_next(search, place);
        break;
    case INSTRUCTION_INDIRECT:
        if (!search->function->places[place].instruction.slot)
            reach_all(search);
        search->returns = search->leaves = true;
        break;
    case INSTRUCTION_RETURN:
        search->returns = true;
        break;
    case INSTRUCTION_STOP:
        break;
    default:
        reach_next(search, place);
    }
}

static void go(search_t *search)
{
    while (search->waiting_count)
        follow(search, search->waiting[--search->waiting_count]);
}

static search_t begin(const code_function_t *function, size_t without)
{
    return (search_t){.function = function,
                      .seen = profile_room(function->count, sizeof(bool)),
                      .waiting = profile_room(function->count, sizeof(size_t)),
                      .without = without};
}

static void end(search_t *search)
{
    free(search->seen);
    free(search->waiting);
}

/* What no jump leads to is reached when an exception is caught: from any call. */
static void reach_handlers(search_t *search)
{
    const code_function_t *function = search->function;
    search_t whole = begin(function, SIZE_MAX);
    reach(&whole, function->entry);
    go(&whole);
    for (size_t i = 0; i < function->count; i++)
        if (!whole.seen[i] && function->places[i].instruction.kind != INSTRUCTION_PADDING)
            reach(search, i);
    end(&whole);
}

static bool has_call(const search_t *search)
{
    for (size_t i = 0; i < search->function->count; i++)
        if (search->seen[i] && search->function->places[i].instruction.kind == INSTRUCTION_CALL)
            return true;
    return false;
}

static void go_everywhere(search_t *search)
{
    go(search);
    if (has_call(search)) {
        reach_handlers(search);
        go(search);
    }
}

/* From the entry, without passing a place. */
static search_t search_around(const code_function_t *function, size_t without)
{
    search_t search = begin(function, without);
    reach(&search, function->entry);
    go_everywhere(&search);
    return search;
}

static bool repeats(const code_function_t *function, size_t place)
{
    search_t search = begin(function, SIZE_MAX);
    follow(&search, place);
    reach_handlers(&search);
    go_everywhere(&search);
    bool is_so = search.seen[place];
    end(&search);
    return is_so;
}

static bool precedes(const code_function_t *function, size_t first, size_t second)
{
    search_t search = search_around(function, first);
    bool is_so = !search.seen[second];
    end(&search);
    return is_so;
}

static bool precedes_tail(const code_function_t *function, size_t place)
{
    search_t search = search_around(function, place);
    bool is_so = !search.leaves;
    end(&search);
    return is_so;
}

static bool is_always_reached(const code_function_t *function, size_t place)
{
    search_t search = search_around(function, place);
    bool is_so = !search.returns;
    end(&search);
    return is_so;
}

/* Can this one be reached from the place? All that are on the way, too: seen by `search`, which has begun there. */
static bool comes_back(const search_t *search, size_t from, size_t to)
{
    search_t back = begin(search->function, SIZE_MAX);
    reach(&back, from);
    go(&back);
    bool is_so = back.seen[to];
    end(&back);
    return is_so;
}

/* A block of a loop is reached from each other one of it. Only the places that jump, and those behind calls, are asked: the
 * others are on the way to one. */
static void close_loop(search_t *closed, size_t place)
{
    const code_function_t *function = closed->function;
    search_t ahead = begin(function, SIZE_MAX);
    follow(&ahead, place);
    go(&ahead);
    closed->seen[place] = true;
    for (size_t i = 0; ahead.seen[place] && i < function->count; i++)
        if (ahead.seen[i] && function->places[i].instruction.kind == INSTRUCTION_CONDITIONAL &&
            comes_back(&ahead, i, place))
            closed->seen[i] = true;
    end(&ahead);
}

static bool leads_to(const code_function_t *function, size_t first, size_t second)
{
    search_t search = begin(function, SIZE_MAX);
    close_loop(&search, second);
    follow(&search, first);
    go(&search);
    bool is_so = !search.returns;
    end(&search);
    return is_so;
}

/* --- questions --- */

bool code_repeats(const code_function_t *function, uint64_t address)
{
    answer_t *answer = answer_to(QUESTION_REPEATS, address, 0);
    size_t place = place_of(function, address);
    if (place == SIZE_MAX || function->is_reentered)
        return true;
    if (!answer->question)
        answer->is_so = repeats(function, place);
    answer->question = QUESTION_REPEATS;
    return answer->is_so;
}

bool code_precedes(const code_function_t *function, uint64_t first, uint64_t second)
{
    answer_t *answer = answer_to(QUESTION_PRECEDES, first, second);
    size_t from = place_of(function, first), to = place_of(function, second);
    if (from == SIZE_MAX || to == SIZE_MAX || function->is_reentered)
        return false;
    if (!answer->question)
        answer->is_so = precedes(function, from, to);
    answer->question = QUESTION_PRECEDES;
    return answer->is_so;
}

bool code_is_always_reached(const code_function_t *function, uint64_t address)
{
    answer_t *answer = answer_to(QUESTION_ALWAYS, address, 0);
    size_t place = place_of(function, address);
    if (place == SIZE_MAX || function->is_reentered)
        return false;
    if (!answer->question)
        answer->is_so = is_always_reached(function, place);
    answer->question = QUESTION_ALWAYS;
    return answer->is_so;
}

bool code_leads_to(const code_function_t *function, uint64_t first, uint64_t second)
{
    answer_t *answer = answer_to(QUESTION_LEADS, first, second);
    size_t from = place_of(function, first), to = place_of(function, second);
    if (from == SIZE_MAX || to == SIZE_MAX || function->is_reentered || function->is_indirect)
        return false;
    if (!answer->question)
        answer->is_so = leads_to(function, from, to);
    answer->question = QUESTION_LEADS;
    return answer->is_so;
}

bool code_precedes_tail(const code_function_t *function, uint64_t address)
{
    answer_t *answer = answer_to(QUESTION_TAIL, address, 0);
    size_t place = place_of(function, address);
    if (place == SIZE_MAX || function->is_reentered)
        return false;
    if (!answer->question)
        answer->is_so = precedes_tail(function, place);
    answer->question = QUESTION_TAIL;
    return answer->is_so;
}

bool code_calls(const code_function_t *function, uint64_t address, const code_function_t *called)
{
    size_t place = place_of(function, address);
    if (place == SIZE_MAX || function->file != called->file)
        return false;
    const instruction_t *call = &function->places[place].instruction;
    return call->kind == INSTRUCTION_CALL && call->target == called->places[called->entry].address;
}
