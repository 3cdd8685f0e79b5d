/* instruction: see instruction.h.
 *
 *     prefixes  REX | VEX | EVEX  opcode (one of several maps)  ModRM  SIB  displacement  immediate
 */
#include "tools/weir/advise/instruction.h"

#include <string.h>

/* What follows the opcode. */
enum { MODRM = 1, BYTE = 2, WORD = 4, FULL = 8, BAD = 16 };

typedef struct reader {
    const uint8_t *bytes;
    size_t room, at;
    bool has_16, has_32_address, wide, is_bad;
} reader_t;

static uint8_t next(reader_t *in)
{
    if (in->at >= in->room) {
        in->is_bad = true;
        return 0;
    }
    return in->bytes[in->at++];
}

static bool is_one_of(uint8_t byte, const char *list, size_t count)
{
    return memchr(list, byte, count) != NULL;
}

#define IS_ONE_OF(byte, list) is_one_of(byte, list, sizeof(list) - 1)

static uint32_t form_of_one_byte(uint8_t op)
{
    if (op < 0x40)
        return (op & 7) < 4 ? MODRM : (op & 7) == 4 ? BYTE : (op & 7) == 5 ? FULL : BAD;
    if (op >= 0x70 && op < 0x80)
        return BYTE;
    if (op >= 0x84 && op < 0x90)
        return MODRM;
    if (op >= 0xb0 && op < 0xb8)
        return BYTE;
    if (op >= 0xb8 && op < 0xc0)
        return FULL;
    if (IS_ONE_OF(op, "\x63\xd0\xd1\xd2\xd3\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xfe\xff"))
        return MODRM;
    if (IS_ONE_OF(op, "\x69\x81\xc7"))
        return MODRM | FULL;
    if (IS_ONE_OF(op, "\x6b\x80\x83\xc0\xc1\xc6"))
        return MODRM | BYTE;
    if (IS_ONE_OF(op, "\x68\xa9\xe8\xe9"))
        return FULL;
    if (IS_ONE_OF(op, "\x6a\xa8\xcd\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xeb"))
        return BYTE;
    if (IS_ONE_OF(op, "\xc2\xca"))
        return WORD;
    if (op == 0xc8)
        return WORD | BYTE;
    return IS_ONE_OF(op, "\x60\x61\x62\x82\x9a\xc4\xc5\xce\xd4\xd5\xd6\xea") ? BAD : 0;
}

static uint32_t form_of_two_bytes(uint8_t op)
{
    if (op >= 0x80 && op < 0x90)
        return FULL;
    if ((op >= 0x30 && op < 0x38) || op >= 0xc8)
        return op >= 0xd0 ? MODRM : 0;
    if (IS_ONE_OF(op, "\x05\x06\x07\x08\x09\x0b\x0e\x77\xa0\xa1\xa2\xa8\xa9\xaa"))
        return 0;
    if (IS_ONE_OF(op, "\x0f\x70\x71\x72\x73\xa4\xac\xba\xc2\xc4\xc5\xc6"))
        return MODRM | BYTE;
    return MODRM;
}

/* map: 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A, others: EVEX. */
static uint32_t form_of(uint32_t map, uint8_t op, bool is_vector)
{
    if (map == 0)
        return form_of_one_byte(op);
    if (map == 1 && !is_vector)
        return form_of_two_bytes(op);
    if (map == 1)
        return op == 0x77 ? 0 : MODRM | (IS_ONE_OF(op, "\x70\x71\x72\x73\xc2\xc4\xc5\xc6") ? BYTE : 0);
    return map == 3 ? MODRM | BYTE : MODRM;
}

/* The prefixes, and which map the opcode is of. */
static uint32_t read_map(reader_t *in, uint8_t *op, bool *is_vector)
{
    uint32_t map = 0;
    *op = next(in);
    for (; IS_ONE_OF(*op, "\x66\x67\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65"); *op = next(in)) {
        in->has_16 |= *op == 0x66;
        in->has_32_address |= *op == 0x67;
    }
    for (; (*op & 0xf0) == 0x40; *op = next(in))
        in->wide = *op & 8;
    if (*op == 0xc5 || *op == 0xc4 || *op == 0x62) {
        uint8_t kind = *op, first = next(in);
        *is_vector = true;
        map = kind == 0xc5 ? 1 : first & (kind == 0x62 ? 7 : 31);
        for (int left = kind == 0xc5 ? 0 : kind == 0xc4 ? 1 : 2; left > 0; left--)
            next(in);
        *op = next(in);
        in->is_bad |= map == 0 || map > 6;
        return map;
    }
    if (*op != 0x0f)
        return 0;
    *op = next(in);
    map = *op == 0x38 ? 2 : *op == 0x3a ? 3 : 1;
    if (map > 1)
        *op = next(in);
    return map;
}

/* Read ModRM and SIB, and skip the displacement behind them. Returns ModRM. */
static uint8_t read_modrm(reader_t *in, bool *is_relative)
{
    uint8_t modrm = next(in), mod = modrm >> 6, rm = modrm & 7;
    size_t displacement = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    *is_relative = mod == 0 && rm == 5;
    if (mod != 3 && rm == 4) {
        uint8_t sib = next(in);
        if (mod == 0 && (sib & 7) == 5)
            displacement = 4;
    }
    in->at += *is_relative ? 4 : displacement;
    return modrm;
}

static size_t immediate_of(const reader_t *in, uint32_t map, uint8_t op, uint32_t form, uint8_t modrm)
{
    size_t full = in->has_16 && !in->wide ? 2 : 4;
    if (map == 0 && op >= 0xb8 && op < 0xc0 && in->wide)
        full = 8;
    if ((map == 0 && (op == 0xe8 || op == 0xe9)) || (map == 1 && op >= 0x80 && op < 0x90))
        full = 4;
    if (map == 0 && op >= 0xa0 && op < 0xa4)
        return in->has_32_address ? 4 : 8;
    if (map == 0 && (op == 0xf6 || op == 0xf7))
        return (modrm >> 3 & 7) > 1 ? 0 : op == 0xf6 ? 1 : full;
    return (form & BYTE ? 1 : 0) + (form & WORD ? 2 : 0) + (form & FULL ? full : 0);
}

static enum instruction_kind kind_of_opcode(uint32_t map, uint8_t op, uint8_t modrm)
{
    uint8_t digit = modrm >> 3 & 7;
    if (map == 1 && op >= 0x80 && op < 0x90)
        return INSTRUCTION_CONDITIONAL;
    if (map == 1)
        return op == 0x0b ? INSTRUCTION_STOP : op == 0x1f ? INSTRUCTION_PADDING : INSTRUCTION_PLAIN;
    if (map != 0)
        return INSTRUCTION_PLAIN;
    if (op == 0x90)
        return INSTRUCTION_PADDING;
    if (op == 0xe8 || (op == 0xff && (digit == 2 || digit == 3)))
        return INSTRUCTION_CALL;
    if (op == 0xe9 || op == 0xeb)
        return INSTRUCTION_JUMP;
    if ((op >= 0x70 && op < 0x80) || (op >= 0xe0 && op < 0xe4))
        return INSTRUCTION_CONDITIONAL;
    if (op == 0xff && (digit == 4 || digit == 5))
        return INSTRUCTION_INDIRECT;
    if (IS_ONE_OF(op, "\xc2\xc3\xca\xcb\xcf"))
        return INSTRUCTION_RETURN;
    return op == 0xf4 || op == 0xcc ? INSTRUCTION_STOP : INSTRUCTION_PLAIN;
}

static int64_t signed_at(const uint8_t *bytes, size_t size)
{
    int8_t byte;
    int32_t word;
    if (size == 1)
        return memcpy(&byte, bytes, sizeof byte), byte;
    return memcpy(&word, bytes, sizeof word), word;
}

bool instruction_read(const uint8_t *bytes, size_t room, uint64_t address, instruction_t *instruction)
{
    reader_t in = {.bytes = bytes, .room = room < 15 ? room : 15};
    uint8_t op, modrm = 0;
    bool is_vector = false, is_relative = false;
    uint32_t map = read_map(&in, &op, &is_vector), form = form_of(map, op, is_vector);
    if (map == 0 && (op == 0xf6 || op == 0xf7))
        form = MODRM;
    if (form & MODRM)
        modrm = read_modrm(&in, &is_relative);
    size_t behind_modrm = in.at, immediate = immediate_of(&in, map, op, form, modrm);
    in.at += immediate;
    if (in.is_bad || form == BAD || in.at > in.room)
        return false;
    *instruction = (instruction_t){.length = (uint32_t)in.at, .kind = kind_of_opcode(map, op, modrm)};
    uint64_t behind = address + in.at;
    bool has_target =
        !(form & MODRM) && instruction->kind > INSTRUCTION_PADDING && immediate && (form & (BYTE | FULL));
    if (has_target)
        instruction->target = behind + (uint64_t)signed_at(bytes + in.at - immediate, immediate);
    if (is_relative && (instruction->kind == INSTRUCTION_CALL || instruction->kind == INSTRUCTION_INDIRECT))
        instruction->slot = behind + (uint64_t)signed_at(bytes + behind_modrm - 4, 4);
    return true;
}
