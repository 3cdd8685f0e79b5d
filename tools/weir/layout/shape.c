/* shape: see shape.h. DWARF 5, 5.7 (structures) and 5.13 (bit-fields, with the form of DWARF 3). */
#include "tools/weir/layout/shape.h"

#include <dwarf.h>
#include <elf.h>
#include <string.h>

#include "tools/weir/saturate.h"

enum { DEEPEST = 64 /* typedefs of typedefs, arrays in structs in arrays: a circle is malformed */ };

bool shape_number(Dwarf_Die *die, unsigned attribute, uint64_t *number)
{
    Dwarf_Attribute found;
    Dwarf_Word word;
    if (!dwarf_attr_integrate(die, attribute, &found) || dwarf_formudata(&found, &word) != 0)
        return false;
    *number = word;
    return true;
}

bool shape_alignment(Dwarf_Die *die, uint32_t *align)
{
    uint64_t own;
    if (!shape_number(die, DW_AT_alignment, &own) || own == 0 || own > UINT32_MAX)
        return false;
    *align = (uint32_t)own;
    return true;
}

void shape_each_child(Dwarf_Die *die, shape_visit_t *visit, void *context)
{
    Dwarf_Die child;
    if (dwarf_child(die, &child) != 0)
        return;
    while (visit(&child, context) && dwarf_siblingof(&child, &child) == 0) {
    }
}

static bool is_alias(int tag)
{
    return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
           tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type;
}

bool shape_type(Dwarf_Die *die, bool strip, Dwarf_Die *type)
{
    Dwarf_Attribute attribute;
    if (!dwarf_attr_integrate(die, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, type))
        return false;
    for (int depth = 0; strip && is_alias(dwarf_tag(type)); depth++) {
        Dwarf_Die alias = *type;
        if (depth > DEEPEST || !dwarf_attr_integrate(&alias, DW_AT_type, &attribute) ||
            !dwarf_formref_die(&attribute, type))
            return false;
    }
    return true;
}

/* --- where a member lies --- */

static bool location(Dwarf_Die *member, uint64_t *bytes)
{
    Dwarf_Attribute attribute;
    Dwarf_Word word;
    Dwarf_Op *expression;
    size_t length;
    *bytes = 0;
    if (!dwarf_attr_integrate(member, DW_AT_data_member_location, &attribute))
        return true;
    if (dwarf_formudata(&attribute, &word) == 0) {
        *bytes = word;
        return true;
    }
    if (dwarf_getlocation(&attribute, &expression, &length) != 0 || length != 1 ||
        expression[0].atom != DW_OP_plus_uconst)
        return false;
    *bytes = expression[0].number;
    return true;
}

static bool is_big_endian(Dwarf_Die *die)
{
    Elf *elf = dwarf_getelf(dwarf_cu_getdwarf(die->cu));
    const char *identity = elf ? elf_getident(elf, NULL) : NULL;
    return identity && identity[EI_DATA] == ELFDATA2MSB;
}

bool shape_place(Dwarf_Die *member, uint64_t size, uint64_t *start, uint32_t *bits)
{
    uint64_t bytes, count = 0, offset = 0, storage = size;
    if (!location(member, &bytes) || bytes > SHAPE_MOST)
        return false;
    *bits = shape_number(member, DW_AT_bit_size, &count) ? (uint32_t)least(count, UINT32_MAX) : 0;
    *start = bytes * 8;
    if (!*bits)
        return true;
    if (!shape_number(member, DW_AT_data_bit_offset, &offset) &&
        shape_number(member, DW_AT_bit_offset, &offset) && !is_big_endian(member)) {
        /* From the most significant bit of the storage; negative if the member ends behind that. */
        shape_number(member, DW_AT_byte_size, &storage);
        offset = storage * 8 - offset - *bits;
    }
    *start += offset; /* what is negative now is too large */
    return size > 0 && *start <= 8 * SHAPE_MOST;
}

/* --- shapes --- */

static uint32_t power_of_two(uint64_t size, uint32_t most)
{
    uint32_t power = 1;
    while (power < size && power < most)
        power *= 2;
    return power;
}

static uint32_t address_size(Dwarf_Die *die)
{
    uint8_t address = 8, offset;
    Dwarf_Die unit;
    return dwarf_cu_die(die->cu, &unit, NULL, NULL, &address, &offset, NULL, NULL) && address ? address : 8;
}

/* The largest alignment of a base type: 4 on i386, 16 on the others. */
static uint32_t most_aligned(Dwarf_Die *die)
{
    Elf *elf = dwarf_getelf(dwarf_cu_getdwarf(die->cu));
    GElf_Ehdr head;
    return elf && gelf_getehdr(elf, &head) && head.e_machine == EM_386 ? 4 : 16;
}

static bool base_shape(Dwarf_Die *type, shape_t *shape)
{
    uint64_t encoding = 0;
    if (!shape_number(type, DW_AT_byte_size, &shape->size))
        return false;
    shape_number(type, DW_AT_encoding, &encoding);
    bool is_complex = encoding == DW_ATE_complex_float;
    shape->align = power_of_two(is_complex ? shape->size / 2 : shape->size, most_aligned(type));
    shape->is_fixed_width = encoding == DW_ATE_signed_char || encoding == DW_ATE_unsigned_char;
    return true;
}

/* A pointer or reference. A pointer to a member function is an address and an offset. */
static bool pointer_shape(Dwarf_Die *type, shape_t *shape)
{
    Dwarf_Die target;
    uint32_t address = address_size(type);
    bool is_pair = dwarf_tag(type) == DW_TAG_ptr_to_member_type && shape_type(type, true, &target) &&
                   dwarf_tag(&target) == DW_TAG_subroutine_type;
    if (!shape_number(type, DW_AT_byte_size, &shape->size))
        shape->size = is_pair ? 2 * address : address;
    shape->align = address;
    return true;
}

static bool array_shape(Dwarf_Die *type, shape_t *shape, int depth);
static bool shape_within(Dwarf_Die *type, shape_t *shape, int depth);

/* What members demand of the struct that they are in. */
typedef struct demand {
    uint32_t align;
    int depth;
    bool is_packed, is_aligned, has_data;
} demand_t;

static bool take_member_shape(Dwarf_Die *child, void *context)
{
    demand_t *demand = context;
    Dwarf_Die type;
    shape_t shape;
    uint64_t start;
    uint32_t bits;
    Dwarf_Attribute attribute;
    int tag = dwarf_tag(child);
    if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || dwarf_hasattr(child, DW_AT_external) ||
        dwarf_hasattr(child, DW_AT_declaration) || !shape_type(child, false, &type) ||
        !shape_within(&type, &shape, demand->depth + 1))
        return true;
    uint32_t own;
    if (dwarf_attr(child, DW_AT_alignment, &attribute) && shape_alignment(child, &own)) {
        demand->is_aligned = true;
        shape.align = (uint32_t)most(shape.align, own);
    }
    if (!shape_place(child, shape.size, &start, &bits))
        return true;
    bool is_lower = !bits && shape.align && start / 8 % shape.align != 0;
    demand->is_packed |= is_lower;
    demand->is_aligned |= shape.is_aligned;
    demand->has_data |= tag == DW_TAG_member || !shape.is_empty;
    if (!is_lower && shape.align > demand->align)
        demand->align = shape.align;
    return true;
}

static shape_find_t *find_definition;

void shape_find_definitions_by(shape_find_t *find)
{
    find_definition = find;
}

static bool record_shape(Dwarf_Die *type, shape_t *shape, int depth)
{
    demand_t demand = {.align = 1, .depth = depth};
    Dwarf_Die definition;
    if (dwarf_hasattr(type, DW_AT_declaration)) {
        if (!find_definition || !find_definition(type, &definition))
            return false;
        type = &definition;
    }
    if (!shape_number(type, DW_AT_byte_size, &shape->size))
        return false;
    shape_each_child(type, take_member_shape, &demand);
    while (demand.align > 1 && shape->size % demand.align != 0)
        demand.align /= 2; /* packed */
    shape->align = demand.align;
    shape->is_aligned = demand.is_aligned;
    shape->is_aligned |= shape_alignment(type, &shape->align);
    shape->is_aggregate = true;
    shape->is_empty = !demand.has_data && shape->size <= 1;
    return true;
}

static bool array_shape(Dwarf_Die *type, shape_t *shape, int depth)
{
    Dwarf_Die element;
    Dwarf_Word size = 0;
    Dwarf_Attribute attribute;
    bool is_vector = false;
    if (!shape_type(type, false, &element) || !shape_within(&element, shape, depth + 1))
        return false;
    if (dwarf_attr(type, DW_AT_GNU_vector, &attribute))
        dwarf_formflag(&attribute, &is_vector);
    shape->size = dwarf_aggregate_size(type, &size) == 0 ? size : 0;
    if (is_vector)
        shape->align = power_of_two(shape->size, UINT32_MAX / 2);
    shape->is_array = true;
    shape->is_aggregate = shape->is_empty = false;
    return true;
}

static bool alias_shape(Dwarf_Die *type, shape_t *shape, int depth)
{
    Dwarf_Die target;
    const char *name = dwarf_tag(type) == DW_TAG_typedef ? dwarf_diename(type) : NULL;
    if (!shape_type(type, false, &target) || !shape_within(&target, shape, depth + 1))
        return false;
    shape->is_aligned |= shape_alignment(type, &shape->align);
    if (dwarf_tag(type) == DW_TAG_atomic_type && shape->size <= 16 &&
        (shape->size & (shape->size - 1)) == 0 && shape->size > shape->align)
        shape->align = (uint32_t)shape->size;
    size_t length = name ? strlen(name) : 0;
    if (length > 4 && strstr(name, "int") && strcmp(name + length - 2, "_t") == 0 && !strstr(name, "ptr"))
        shape->is_fixed_width = true;
    return true;
}

static bool shape_by_tag(Dwarf_Die *type, shape_t *shape, int depth)
{
    int tag = dwarf_tag(type);
    if (is_alias(tag))
        return alias_shape(type, shape, depth);
    switch (tag) {
    case DW_TAG_base_type:
    case DW_TAG_enumeration_type:
        return base_shape(type, shape);
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
    case DW_TAG_ptr_to_member_type:
    case DW_TAG_unspecified_type: /* nullptr_t */
        return pointer_shape(type, shape);
    case DW_TAG_array_type:
        return array_shape(type, shape, depth);
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
        return record_shape(type, shape, depth);
    default:
        return false;
    }
}

static bool shape_within(Dwarf_Die *type, shape_t *shape, int depth)
{
    *shape = (shape_t){.align = 1};
    return depth <= DEEPEST && shape_by_tag(type, shape, depth) && shape->size <= SHAPE_MOST;
}

bool shape_of(Dwarf_Die *type, shape_t *shape)
{
    return shape_within(type, shape, 0);
}

/* --- names --- */

static const char *prefix_of(int tag)
{
    switch (tag) {
    case DW_TAG_structure_type:
        return "struct ";
    case DW_TAG_class_type:
        return "class ";
    case DW_TAG_union_type:
        return "union ";
    case DW_TAG_enumeration_type:
        return "enum ";
    case DW_TAG_const_type:
        return "const ";
    case DW_TAG_volatile_type:
        return "volatile ";
    case DW_TAG_atomic_type:
        return "_Atomic ";
    default:
        return "";
    }
}

static bool print_bound(Dwarf_Die *child, void *to)
{
    uint64_t bound = 0;
    if (dwarf_tag(child) != DW_TAG_subrange_type)
        return true;
    if (shape_number(child, DW_AT_count, &bound))
        fprintf(to, "[%llu]", (unsigned long long)bound);
    else if (shape_number(child, DW_AT_upper_bound, &bound))
        fprintf(to, "[%llu]", (unsigned long long)bound + 1);
    else
        fputs("[]", to);
    return true;
}

static void print_within(Dwarf_Die *type, FILE *to, int depth)
{
    Dwarf_Die target;
    int tag = dwarf_tag(type);
    const char *name = dwarf_diename(type);
    bool has_target = depth < DEEPEST && shape_type(type, false, &target);
    fputs(prefix_of(tag), to);
    if (tag == DW_TAG_subroutine_type)
        fputs("function", to);
    else if (name)
        fputs(name, to);
    else if (has_target)
        print_within(&target, to, depth + 1);
    else
        fputs(*prefix_of(tag) && !is_alias(tag) ? "{…}" : "void", to);
    if (tag == DW_TAG_pointer_type)
        fputs(" *", to);
    if (tag == DW_TAG_reference_type)
        fputs(" &", to);
    if (tag == DW_TAG_rvalue_reference_type)
        fputs(" &&", to);
    if (tag == DW_TAG_ptr_to_member_type)
        fputs(" ::*", to);
    if (tag == DW_TAG_array_type)
        shape_each_child(type, print_bound, to);
}

void shape_print_name(Dwarf_Die *type, FILE *to)
{
    print_within(type, to, 0);
}
