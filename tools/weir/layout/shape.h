/* shape: size and alignment of a type, from its debug information. Debug information has sizes, but
 * alignments only where `aligned` says one. The others follow from the System V ABI: a base type is aligned
 * to its size, a struct as its most aligned member. */
#ifndef WEIR_TOOLS_LAYOUT_SHAPE_H
#define WEIR_TOOLS_LAYOUT_SHAPE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct shape {
    uint64_t size;       /* bytes; 0: an array without bounds */
    uint32_t align;      /* bytes */
    bool is_aggregate;   /* struct, class, union */
    bool is_array;       /* it may have no elements */
    bool is_empty;       /* a struct without data */
    bool is_aligned;     /* it, or what it is made of, has an `aligned` that DWARF tells */
    bool is_fixed_width; /* int8_t to uint64_t, char and such, and arrays of these */
} shape_t;

/* Bytes: no type that a program can have is larger, and no member lies further behind the start. So a hundred
 * times a size, or its bits, fit a word. */
#define SHAPE_MOST ((uint64_t)1 << 47)

/* A function that finds the definition of a type which the unit only declares. Compilers describe a class in
 * the unit that has its table of virtual functions, and elsewhere only declare it. The function is used from
 * now on. */
typedef bool shape_find_t(Dwarf_Die *declaration, Dwarf_Die *definition);
void shape_find_definitions_by(shape_find_t *find);

/* False: it has none: a function, void, a type that is declared only, one larger than SHAPE_MOST. */
bool shape_of(Dwarf_Die *type, shape_t *shape);

/* The type of the DIE (DW_AT_type). `strip`: without typedef, const and the like. */
bool shape_type(Dwarf_Die *die, bool strip, Dwarf_Die *type);

/* Where the member starts, in bits: DW_AT_data_member_location or DW_AT_data_bit_offset. `size`: of its
 * declared type, in bytes. *bits: of a bit-field; else 0. False: it has no place that is the same in each
 * object, or none within SHAPE_MOST; or it is a bit-field of a type without a size. */
bool shape_place(Dwarf_Die *member, uint64_t size, uint64_t *start, uint32_t *bits);

/* An alignment of its own (DW_AT_alignment), in bytes, that a type or member has; false: it has none. */
bool shape_alignment(Dwarf_Die *die, uint32_t *align);

/* Print the type's name as C writes it, as far as one name goes: "struct list *", "char[16]". */
void shape_print_name(Dwarf_Die *type, FILE *to);

/* A number that an attribute has; false: it has none. */
bool shape_number(Dwarf_Die *die, unsigned attribute, uint64_t *number);

/* Call `visit` for each child, until it returns false. */
typedef bool shape_visit_t(Dwarf_Die *child, void *context);
void shape_each_child(Dwarf_Die *die, shape_visit_t *visit, void *context);

#endif
