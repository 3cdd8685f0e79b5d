/* cfi_reader: a reader of the bytes of call frame information. The sections may be damaged, so nothing past
 * the end of the mapping is read: a value that would lie there is 0.
 *
 * Numbers are those of DWARF 5, 7.6 (LEB128), pointers those of the Linux Standard Base 5.0, 10.5.
 */
#ifndef WEIR_UNWIND_CFI_READER_H
#define WEIR_UNWIND_CFI_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* DWARF's numbers of the registers of x86-64. */
enum { CFI_RBX = 3, CFI_RBP = 6, CFI_RSP = 7, CFI_RETURN = 16, CFI_REGISTERS = 17 };

/* The tables of one file: its .eh_frame_hdr, and [low, high), the addresses that the file is mapped at, which
 * are the only ones that may be read. */
typedef struct cfi_tables {
    const uint8_t *header, *low, *high;
} cfi_tables_t;

typedef struct cfi_reader {
    const uint8_t *at, *end;
} cfi_reader_t;

/* A reader from an address to the end of the mapping; empty if the address lies outside of the mapping. */
static inline cfi_reader_t cfi_reader_at(const cfi_tables_t *tables, uintptr_t address)
{
    if (address - (uintptr_t)tables->low >= (uintptr_t)(tables->high - tables->low))
        return (cfi_reader_t){tables->high, tables->high};
    return (cfi_reader_t){tables->low + (address - (uintptr_t)tables->low), tables->high};
}

static inline void cfi_skip(cfi_reader_t *in, uint64_t size)
{
    in->at = (uint64_t)(in->end - in->at) < size ? in->end : in->at + size;
}

static inline uint64_t cfi_read_fixed(cfi_reader_t *in, size_t size)
{
    uint64_t value = 0;
    if ((size_t)(in->end - in->at) < size) {
        in->at = in->end;
        return 0;
    }
    memcpy(&value, in->at, size);
    in->at += size;
    return value;
}

static inline uint8_t cfi_read_u8(cfi_reader_t *in)
{
    return (uint8_t)cfi_read_fixed(in, 1);
}

static inline uint64_t cfi_read_uleb(cfi_reader_t *in)
{
    uint64_t value = 0;
    uint8_t byte;
    for (uint32_t shift = 0; in->at < in->end; shift += 7) {
        byte = *in->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

static inline int64_t cfi_read_sleb(cfi_reader_t *in)
{
    uint64_t value = 0;
    uint32_t shift = 0;
    uint8_t byte = 0;
    while (in->at < in->end) {
        byte = *in->at++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (!(byte & 0x80))
            break;
    }
    if (shift < 64 && byte & 0x40)
        value |= ~(uint64_t)0 << shift;
    return (int64_t)value;
}

/* How pointers are encoded: the low four bits say in what form, the next three relative to what. */
enum {
    ENC_ABSPTR = 0,
    ENC_UDATA2 = 2,
    ENC_UDATA4 = 3,
    ENC_UDATA8 = 4,
    ENC_SDATA2 = 0xa,
    ENC_SDATA4 = 0xb,
    ENC_SDATA8 = 0xc
};
enum { ENC_PCREL = 0x10, ENC_DATAREL = 0x30, ENC_OMIT = 0xff };

static inline bool cfi_read_encoded(cfi_reader_t *in, uint8_t encoding, uintptr_t data, uintptr_t *value)
{
    uintptr_t base = (encoding & 0x70) == ENC_PCREL     ? (uintptr_t)in->at
                     : (encoding & 0x70) == ENC_DATAREL ? data
                                                        : 0;
    switch (encoding & 0x0f) {
    case ENC_ABSPTR:
    case ENC_UDATA8:
    case ENC_SDATA8:
        *value = base + cfi_read_fixed(in, 8);
        return true;
    case ENC_UDATA4:
        *value = base + cfi_read_fixed(in, 4);
        return true;
    case ENC_SDATA4:
        *value = base + (uintptr_t)(int32_t)cfi_read_fixed(in, 4);
        return true;
    case ENC_UDATA2:
        *value = base + cfi_read_fixed(in, 2);
        return true;
    case ENC_SDATA2:
        *value = base + (uintptr_t)(int16_t)cfi_read_fixed(in, 2);
        return true;
    default:
        return false;
    }
}

#endif
