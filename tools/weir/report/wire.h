/* wire: reads the wire format of Protocol Buffers, https://protobuf.dev/programming-guides/encoding/; and the
 * numbers of profile.proto's fields. */
#ifndef WEIR_TOOLS_REPORT_WIRE_H
#define WEIR_TOOLS_REPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields of the outermost message, by their names in profile.proto. */
enum {
    P_SAMPLE_TYPE = 1,
    P_SAMPLE,
    P_MAPPING,
    P_LOCATION,
    P_FUNCTION,
    P_STRING,
    P_PERIOD = 12,
    P_FIELDS = 16
};

/* What is still to be read. */
typedef struct wire {
    const uint8_t *at, *end;
    bool bad;
} wire_t;

/* A field: its number, and a value or bytes. */
typedef struct wire_field {
    uint32_t number;
    uint64_t value;
    wire_t bytes; /* at: NULL for a value */
} wire_field_t;

uint64_t wire_varint(wire_t *in);

/* False: there is no more. */
bool wire_next(wire_t *in, wire_field_t *field);

#endif
