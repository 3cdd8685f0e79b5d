/* read: see types.h, by elfutils' libdw: DWARF 2 to 5, split or not, in the file itself or in a separate
 * debug file that is found by build id. A struct that each of a hundred units has is taken once. */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/layout/shape.h"
#include "tools/weir/layout/types.h"
#include "tools/weir/report/debug_files.h"
#include "tools/weir/report/profile.h"

typedef struct layout_reader {
    records_t *records;
    const char *wanted; /* a name, or NULL */
    void *seen;         /* tree (tsearch) of name, place in the source, and layout */
    bool is_listing;    /* the first pass, which notes definitions; the second takes records */
    char scope[1024];   /* "space::outer::", of C++ */
    bool is_cplusplus;
} layout_reader_t;

/* --- one struct --- */

static char *type_name(Dwarf_Die *type)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    if (!to)
        abort();
    shape_print_name(type, to);
    fclose(to);
    return text;
}

static bool is_table(Dwarf_Die *child)
{
    const char *name = dwarf_diename(child);
    return name && strncmp(name, "_vptr", 5) == 0;
}

static bool is_static(Dwarf_Die *child)
{
    return dwarf_hasattr(child, DW_AT_external) || dwarf_hasattr(child, DW_AT_declaration) ||
           dwarf_hasattr(child, DW_AT_const_value);
}

static enum member_kind kind_of(Dwarf_Die *child, const shape_t *shape, uint32_t bits)
{
    if (dwarf_tag(child) == DW_TAG_inheritance)
        return MEMBER_BASE;
    if (is_table(child))
        return MEMBER_TABLE;
    if (bits)
        return MEMBER_BITS;
    return shape->is_array && shape->size == 0 ? MEMBER_FLEXIBLE : MEMBER_FIELD;
}

static void take_alignment(Dwarf_Die *child, member_t *member)
{
    uint32_t own;
    if (!shape_alignment(child, &own))
        return;
    member->is_aligned = true;
    member->align = (uint32_t)most(member->align, own);
}

static member_t *next_member(layout_record_t *record)
{
    if ((record->count & (record->count - 1)) == 0) { /* room for the next power of two */
        record->members =
            realloc(record->members, (record->count ? 2 * record->count : 1) * sizeof *record->members);
        if (!record->members)
            abort();
    }
    return &record->members[record->count];
}

static bool take_member(Dwarf_Die *child, void *context)
{
    layout_record_t *record = context;
    Dwarf_Die type;
    shape_t shape;
    uint64_t virtuality = 0;
    int tag = dwarf_tag(child);
    record->is_unclear |= tag == DW_TAG_variant_part;
    if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || is_static(child))
        return true;
    member_t *member = next_member(record);
    shape_number(child, DW_AT_virtuality, &virtuality);
    if (!shape_type(child, false, &type) || !shape_of(&type, &shape) || virtuality ||
        !shape_place(child, shape.size, &member->start, &member->bits)) {
        record->is_unclear = true;
        return true;
    }
    const char *name = dwarf_diename(child);
    *member = (member_t){.kind = kind_of(child, &shape, member->bits),
                         .name = profile_copy(name ? name : "", strlen(name ? name : "")),
                         .type = type_name(&type),
                         .start = member->start,
                         .size = tag == DW_TAG_inheritance && shape.is_empty ? 0 : shape.size,
                         .align = shape.align,
                         .bits = member->bits,
                         .is_aggregate = shape.is_aggregate,
                         .is_aligned = shape.is_aligned,
                         .is_fixed_width = shape.is_fixed_width};
    take_alignment(child, member);
    record->is_packed |= !member->bits && member->start / 8 % member->align != 0;
    record->count++;
    return true;
}

static int by_place(const void *left, const void *right)
{
    const member_t *a = left, *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

/* --- records --- */

static const char *keyword_of(int tag)
{
    return tag == DW_TAG_union_type ? "union" : tag == DW_TAG_class_type ? "class" : "struct";
}

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* False: it was there already. The tree takes the key. */
static bool is_new(layout_reader_t *reader, char *key)
{
    char **found = tsearch(key, &reader->seen, by_text);
    if (!found)
        abort();
    if (*found != key)
        free(key);
    return *found == key;
}

static char *key_of(const layout_record_t *record)
{
    const char *slash = record->file ? strrchr(record->file, '/') : NULL;
    return text_of("%s %s %s:%d %llu", record->name, record->keyword, slash ? slash + 1 : "", record->line,
                   (unsigned long long)record->size);
}

/* Is the name asked for, by itself or with the scopes that it is in? */
static bool is_wanted(const layout_reader_t *reader, const char *name)
{
    size_t length = strlen(reader->scope);
    return !reader->wanted || strcmp(reader->wanted, name) == 0 ||
           (strncmp(reader->wanted, reader->scope, length) == 0 &&
            strcmp(reader->wanted + length, name) == 0);
}

/* dwarf_decl_file fails an assertion at units that are split (elfutils 0.188). */
static char *file_of(Dwarf_Die *die)
{
    Dwarf_Die unit;
    Dwarf_Files *files;
    size_t count;
    uint64_t number;
    if (!shape_number(die, DW_AT_decl_file, &number) || !dwarf_diecu(die, &unit, NULL, NULL) ||
        dwarf_getsrcfiles(&unit, &files, &count) != 0 || number >= count)
        return NULL;
    const char *file = dwarf_filesrc(files, number, NULL, NULL);
    return file ? text_of("%s", file) : NULL;
}

static void take_record(layout_reader_t *reader, Dwarf_Die *die, const char *name)
{
    shape_t shape;
    if (!is_wanted(reader, name))
        return;
    if (dwarf_hasattr(die, DW_AT_declaration) || !shape_of(die, &shape))
        return;
    layout_record_t record = {.keyword = keyword_of(dwarf_tag(die)),
                              .name = text_of("%s%s", reader->scope, name),
                              .size = shape.size,
                              .align = shape.align};
    record.file = file_of(die);
    dwarf_decl_line(die, &record.line);
    if (!is_new(reader, key_of(&record))) {
        free(record.name);
        free(record.file);
        return;
    }
    shape_each_child(die, take_member, &record);
    if (record.count)
        qsort(record.members, record.count, sizeof *record.members, by_place);
    records_t *records = reader->records;
    if (records->count == records->room) {
        records->room = records->room ? 2 * records->room : 256;
        records->of = realloc(records->of, records->room * sizeof *records->of);
        if (!records->of)
            abort();
    }
    records->of[records->count++] = record;
}

/* --- definitions of what is declared --- */

typedef struct definition {
    char *name; /* with the scopes that it is in */
    Dwarf_Die die;
} definition_t;
static void *definitions; /* tree */

static int by_definition(const void *left, const void *right)
{
    return strcmp(((const definition_t *)left)->name, ((const definition_t *)right)->name);
}

static void free_definition(void *definition)
{
    free(((definition_t *)definition)->name);
    free(definition);
}

static void note_definition(layout_reader_t *reader, Dwarf_Die *die, const char *name)
{
    if (dwarf_hasattr(die, DW_AT_declaration))
        return;
    definition_t *definition = profile_room(1, sizeof *definition);
    *definition = (definition_t){.name = text_of("%s%s", reader->scope, name), .die = *die};
    definition_t **found = tsearch(definition, &definitions, by_definition);
    if (!found)
        abort();
    if (*found != definition)
        free_definition(definition);
}

static bool is_space(Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    return tag == DW_TAG_namespace || tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
           tag == DW_TAG_union_type;
}

/* The name of a declaration, with the scopes that it is in. */
static char *full_name(Dwarf_Die *die)
{
    Dwarf_Die *scopes = NULL;
    int count = dwarf_getscopes_die(die, &scopes);
    const char *own = dwarf_diename(die);
    char *name = text_of("%s", own ? own : "");
    for (int i = 1; i < count; i++) {
        const char *space = is_space(&scopes[i]) ? dwarf_diename(&scopes[i]) : NULL;
        char *longer = is_space(&scopes[i]) ? text_of("%s::%s", space ? space : "(anonymous)", name) : NULL;
        if (longer) {
            free(name);
            name = longer;
        }
    }
    free(scopes);
    return name;
}

static bool find_definition(Dwarf_Die *declaration, Dwarf_Die *found)
{
    definition_t key = {.name = full_name(declaration)};
    definition_t **definition = tfind(&key, &definitions, by_definition);
    free(key.name);
    if (definition)
        *found = (*definition)->die;
    return definition;
}

/* --- all --- */

static bool take_die(Dwarf_Die *die, void *context);

static void take_children(layout_reader_t *reader, Dwarf_Die *die, const char *name)
{
    size_t length = strlen(reader->scope);
    if (name && reader->is_cplusplus)
        snprintf(reader->scope + length, sizeof reader->scope - length, "%s::", name);
    shape_each_child(die, take_die, reader);
    reader->scope[length] = '\0';
}

/* `typedef struct { ... } name`: the struct has no name of its own. */
static void take_typedef(layout_reader_t *reader, Dwarf_Die *die)
{
    Dwarf_Die type;
    const char *name = dwarf_diename(die);
    int tag = name && shape_type(die, false, &type) ? dwarf_tag(&type) : 0;
    if ((tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type) &&
        !dwarf_diename(&type))
        take_record(reader, &type, name);
}

static bool take_die(Dwarf_Die *die, void *context)
{
    layout_reader_t *reader = context;
    const char *name = dwarf_diename(die);
    switch (dwarf_tag(die)) {
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
        if (name && reader->is_listing)
            note_definition(reader, die, name);
        else if (name)
            take_record(reader, die, name);
        take_children(reader, die, name);
        break;
    case DW_TAG_typedef:
        if (!reader->is_listing)
            take_typedef(reader, die);
        break;
    case DW_TAG_namespace:
        take_children(reader, die, name ? name : "(anonymous)");
        break;
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
        take_children(reader, die, NULL);
        break;
    default:
        break;
    }
    return true;
}

static bool is_of_cplusplus(Dwarf_Die *unit)
{
    int language = dwarf_srclang(unit);
    return language == DW_LANG_C_plus_plus || language == DW_LANG_C_plus_plus_03 ||
           language == DW_LANG_C_plus_plus_11 || language == DW_LANG_C_plus_plus_14 || language > 0x1f;
}

/* The data of a split unit are in a file of their own. */
static bool take_units(layout_reader_t *reader, Dwarf *dwarf)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die, split;
    uint8_t type;
    bool any = false;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, &split) == 0) {
        Dwarf_Die *all = type == DW_UT_skeleton && split.addr ? &split : &die;
        reader->scope[0] = '\0';
        reader->is_cplusplus = is_of_cplusplus(&die);
        shape_each_child(all, take_die, reader);
        any = true;
    }
    return any;
}

/* dwz(1) moves what several files have in common into another file. */
static bool take_all(layout_reader_t *reader, Dwarf *dwarf)
{
    Dwarf *common = dwarf_getalt(dwarf);
    bool any = false;
    for (int pass = 0; pass < 2; pass++) {
        reader->is_listing = pass == 0;
        any |= common && take_units(reader, common);
        any |= take_units(reader, dwarf);
        shape_find_definitions_by(find_definition);
    }
    return any;
}

static int by_name(const void *left, const void *right)
{
    const layout_record_t *a = left, *b = right;
    int difference = strcmp(a->name, b->name);
    return difference ? difference : (a->line > b->line) - (a->line < b->line);
}

bool records_read(const char *path, const char *type, const char *debug_folder, records_t *records)
{
    layout_reader_t reader = {.records = records, .wanted = type};
    const char *problem = NULL;
    if (debug_folder)
        debug_files_look_in(debug_folder);
    Dwfl_Module *module;
    Dwfl *dwfl = debug_files_open(path, &module);
    if (dwfl) {
        Dwarf_Addr bias;
        Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);
        if (!dwarf || !take_all(&reader, dwarf))
            problem =
                "it has no debug information, and none was found (gcc -g; Debian: -dbgsym; --debug-path)";
    } else {
        problem = dwfl_errmsg(-1);
    }
    if (problem)
        fprintf(stderr, "weir layout: %s: %s\n", path, problem);
    if (records->count)
        qsort(records->of, records->count, sizeof *records->of, by_name);
    tdestroy(reader.seen, free);
    tdestroy(definitions, free_definition);
    definitions = NULL;
    dwfl_end(dwfl);
    return !problem;
}
