/* profile: a heap profile as `weir report` has it in memory: read from a profile.proto (see
 * runtime/observe/profile_encode.h), named by the debug information of the program's files (symbols.c).
 *
 *     sample --> locations, innermost call first --> frames, each a function and a line
 *     a location has one frame, or several where calls were inlined
 */
#ifndef WEIR_TOOLS_REPORT_PROFILE_H
#define WEIR_TOOLS_REPORT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/weir/saturate.h"

/* Go's order. */
enum profile_value { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, PROFILE_VALUES };
extern const char *const profile_value_names[PROFILE_VALUES];

typedef struct mapping {
    uint64_t id, start, limit, offset;
    const char *file, *build_id;
} mapping_t;

/* A place in the program, and what it is called. */
typedef struct frame {
    const char *function; /* "libfoo.so+0x1234" if nobody knows */
    const char *file;     /* of the source; NULL: not known */
    int line;
    bool is_named;
} frame_t;

typedef struct location {
    uint64_t id, address;
    uint64_t mapping;
    frame_t *frames; /* innermost first: more than one where calls were inlined */
    size_t frame_count;
} location_t;

/* What WEIR_DEBUG=escape=1 adds: see runtime/profile/escape.h. */
typedef struct escape {
    const char *how; /* "frame", ...; NULL: in use, or not known */
    uint64_t frame, free, changed, returned;
    uint64_t place; /* 0: none was noted */
    uint64_t least, most, live, live_bytes, grown, emptied;
    uint64_t chains, links, copied, final_least, final_most;
} escape_t;

typedef struct sample {
    size_t *locations; /* places in profile.locations, innermost first */
    size_t depth;
    int64_t values[PROFILE_VALUES];
    uint64_t size, requested, passed;  /* bytes: of a block, asked for, allocated while it lived */
    const char *lifetime;              /* NULL: in use */
    const char *pool, *arena, *budget; /* names; NULL: of none */
    const char *advice;                /* what weir advise says of its place; NULL: nothing */
    bool is_cut;
    escape_t escape;
} sample_t;

typedef struct profile {
    sample_t *samples;
    size_t sample_count;
    location_t *locations;
    size_t location_count;
    mapping_t *mappings;
    size_t mapping_count;
    char **strings;
    size_t string_count;
    int64_t period;
    const uint8_t *bytes; /* as it was read, unpacked; NULL after profile_decode */
    size_t length;
} profile_t;

/* Read the file, gzip'd or not. False: it cannot be read, or is no heap profile; one line has said why. */
bool profile_read(const char *path, profile_t *profile);

/* The same of a file's unpacked bytes. NULL, or what is wrong with them, as the end of "FILE ...". */
const char *profile_decode(const uint8_t *bytes, size_t length, profile_t *profile);

/* Name all locations that have no name, by the files that the mappings name and their separate debug files.
 * These are looked for in `debug_folder` too, by build id; NULL: only where they are by default. */
void profile_find_symbols(profile_t *profile, const char *debug_folder);

/* Where in the mapping's file the address is; UINT64_MAX, which no file has: it lies before the mapping. */
static inline uint64_t profile_offset(const mapping_t *mapping, uint64_t address)
{
    return address < mapping->start ? UINT64_MAX : add(address - mapping->start, mapping->offset);
}

/* The name of the function or variable that the address lies in, as the file's symbol table counts; the
 * caller frees it. NULL: not known. */
char *profile_symbol_at(const char *file, unsigned long long address);

/* A copy of [start, start + length) as a string; and room for `count` elements of zeros. Never NULL: the
 * command ends. */
char *profile_copy(const char *start, size_t length);
void *profile_room(size_t count, size_t size);

#endif
