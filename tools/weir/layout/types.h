/* types: structs as the debug information of a file has them, and which of their bytes hold no data.
 *
 *     struct order { int id; char flags; long sum; char kind; };
 *
 *     byte  0        4   5        8             16  17       24
 *           | id     | f |  hole  | sum         | k | padding|
 *
 * A hole is between two members, the padding behind the last. Bits are holes too: those of a bit-field's
 * storage that no bit-field has.
 */
#ifndef WEIR_TOOLS_LAYOUT_TYPES_H
#define WEIR_TOOLS_LAYOUT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum member_kind {
    MEMBER_FIELD,
    MEMBER_BITS,
    MEMBER_BASE,
    MEMBER_TABLE /* of virtual functions */,
    MEMBER_FLEXIBLE
};

typedef struct member {
    enum member_kind kind;
    char *name; /* "": it has none */
    char *type;
    uint64_t start; /* bits from the start of the struct */
    uint64_t
        size; /* bytes of its type; of a bit-field: of the declared type; 0: flexible, or an empty base */
    uint32_t align;      /* bytes, of its type */
    uint32_t bits;       /* of a bit-field; else 0 */
    bool is_aggregate;   /* a struct, class or union */
    bool is_aligned;     /* it has `aligned` or `alignas` of its own */
    bool is_fixed_width; /* as int32_t is, or char: what files are made of */
} member_t;

typedef struct layout_record {
    const char *keyword; /* struct, class, union */
    char *name, *file;   /* `file` may be NULL */
    int line;
    uint64_t size;
    uint32_t align;
    bool is_packed;
    bool is_unclear;   /* something has no place that is the same in all objects: a virtual base, a variant */
    member_t *members; /* by their place */
    size_t count;
} layout_record_t;

typedef struct records {
    layout_record_t *of;
    size_t count, room;
} records_t;

/* All structs, classes and unions with a name that the file's debug information has, each once; by name.
 * `type`: only those of that name; NULL: all. `debug_folder` as of profile_find_symbols. False: one line has
 * said why. */
bool records_read(const char *path, const char *type, const char *debug_folder, records_t *records);

typedef struct holes {
    uint64_t holes, bytes;         /* how many, and all their bytes */
    uint64_t bit_holes, bits;      /* in the storage of bit-fields */
    uint64_t padding, bit_padding; /* bytes; bits */
} holes_t;

holes_t record_holes(const layout_record_t *record);
/* Bytes of a hole before the member; bits of one. */
void record_hole_before(const layout_record_t *record, size_t member, uint64_t *bytes, uint64_t *bits);

#endif
