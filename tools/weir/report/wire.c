/* wire: see wire.h. */
#include "tools/weir/report/wire.h"

enum { FIELD_MOST = (1 << 29) - 1 /* no field has a larger number */ };

uint64_t wire_varint(wire_t *in)
{
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 64; shift += 7) {
        if (in->at == in->end)
            break;
        uint8_t byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    in->bad = true;
    in->at = in->end;
    return 0;
}

bool wire_next(wire_t *in, wire_field_t *field)
{
    if (in->at == in->end)
        return false;
    uint64_t key = wire_varint(in);
    uint64_t size = 0;
    in->bad |= key >> 3 > FIELD_MOST;
    *field = (wire_field_t){.number = (uint32_t)(key >> 3)};
    switch (key & 7) {
    case 0:
        field->value = wire_varint(in);
        return !in->bad;
    case 1:
        size = 8;
        break;
    case 2:
        size = wire_varint(in);
        break;
    case 5:
        size = 4;
        break;
    default:
        in->bad = true;
        return false;
    }
    if (size > (uint64_t)(in->end - in->at))
        in->bad = true;
    if (in->bad)
        return false;
    field->bytes = (wire_t){in->at, in->at + size, false};
    in->at += size;
    return true;
}
