/* proto: see proto.h. */
#include "runtime/observe/proto.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static void put(proto_t *to, uint8_t byte)
{
    if (to->start && to->length < to->size)
        to->start[to->length] = byte;
    to->length++;
}

void proto_varint(proto_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put(to, (uint8_t)(value | 0x80));
    put(to, (uint8_t)value);
}

void proto_number(proto_t *to, uint32_t field, uint64_t value)
{
    if (value == 0)
        return;
    proto_varint(to, field << 3 | WIRE_VARINT);
    proto_varint(to, value);
}

void proto_bytes(proto_t *to, uint32_t field, const void *bytes, size_t length)
{
    proto_varint(to, field << 3 | WIRE_BYTES);
    proto_varint(to, length);
    if (to->start && to->length < to->size) {
        size_t room = to->size - to->length;
        memcpy(to->start + to->length, bytes, length < room ? length : room);
    }
    to->length += length;
}
