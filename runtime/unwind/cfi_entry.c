/* cfi_entry: see cfi_entry.h. The sections may be damaged: each length and pointer in them is checked against
 * the file's mapping. */
#include "runtime/unwind/cfi_entry.h"

#ifdef __x86_64__

/* The table of .eh_frame_hdr, sorted: pairs of the start of a function and its FDE, each relative to the
 * section. */
typedef struct header_pair {
    int32_t start, fde;
} header_pair_t;

static header_pair_t pair_at(cfi_reader_t pairs, size_t i)
{
    header_pair_t pair;
    memcpy(&pair, pairs.at + i * sizeof pair, sizeof pair);
    return pair;
}

uintptr_t cfi_entry_find(const cfi_tables_t *tables, uintptr_t pc)
{
    uintptr_t header = (uintptr_t)tables->header, eh_frame, count;
    cfi_reader_t in = cfi_reader_at(tables, header);
    uint8_t version = cfi_read_u8(&in), eh_frame_encoding = cfi_read_u8(&in),
            count_encoding = cfi_read_u8(&in);
    if (version != 1 || cfi_read_u8(&in) != (ENC_DATAREL | ENC_SDATA4) || count_encoding == ENC_OMIT ||
        !cfi_read_encoded(&in, eh_frame_encoding, header, &eh_frame) ||
        !cfi_read_encoded(&in, count_encoding, header, &count) || count == 0 ||
        count > (size_t)(in.end - in.at) / sizeof(header_pair_t))
        return 0;
    intptr_t wanted = (intptr_t)(pc - header);
    size_t low = 0, high = count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (pair_at(in, middle).start <= wanted)
            low = middle;
        else
            high = middle;
    }
    header_pair_t pair = pair_at(in, low);
    return pair.start <= wanted ? header + (uintptr_t)(intptr_t)pair.fde : 0;
}

/* The bytes of an entry that follow its length. */
static cfi_reader_t entry_bytes(const cfi_tables_t *tables, uintptr_t at)
{
    cfi_reader_t in = cfi_reader_at(tables, at);
    uint64_t length = cfi_read_fixed(&in, 4);
    if (length == 0xffffffff) /* 64-bit DWARF is not supported: only sections of 4 GiB or more need it */
        length = 0;
    if (length < (uint64_t)(in.end - in.at))
        in.end = in.at + length;
    return in;
}

/* The letters of an augmentation: R, L and P say what is in the data that follow, S marks a signal frame. */
static bool parse_augmentation(const char *letters, cfi_reader_t *in, cfi_entry_t *cie)
{
    uint64_t length = cfi_read_uleb(in);
    cfi_reader_t data = *in;
    uintptr_t personality;
    cie->has_augmentation = true;
    for (const char *c = letters; *c; c++)
        if (*c == 'R')
            cie->encoding = cfi_read_u8(&data);
        else if (*c == 'L')
            cfi_read_u8(&data);
        else if (*c == 'P' && !cfi_read_encoded(&data, cfi_read_u8(&data), 0, &personality))
            return false;
        else if (*c == 'S')
            cie->is_signal_frame = true;
    cfi_skip(in, length);
    return true;
}

static bool parse_cie(const cfi_tables_t *tables, uintptr_t at, cfi_entry_t *cie)
{
    cfi_reader_t in = entry_bytes(tables, at);
    if (in.end - in.at < 4 || cfi_read_fixed(&in, 4) != 0)
        return false;
    uint8_t version = cfi_read_u8(&in);
    const char *augmentation = (const char *)in.at;
    size_t letters = strnlen(augmentation, (size_t)(in.end - in.at));
    if (letters == (size_t)(in.end - in.at))
        return false;
    cfi_skip(&in, letters + 1);
    cie->code_factor = cfi_read_uleb(&in);
    cie->data_factor = (uint64_t)cfi_read_sleb(&in);
    uint64_t return_register = version == 1 ? cfi_read_u8(&in) : cfi_read_uleb(&in);
    if ((version != 1 && version != 3) || return_register != CFI_RETURN)
        return false;
    cie->encoding = ENC_ABSPTR;
    if (*augmentation == 'z' ? !parse_augmentation(augmentation + 1, &in, cie) : *augmentation != 0)
        return false;
    cie->instructions = in;
    return true;
}

bool cfi_entry_parse(const cfi_tables_t *tables, uintptr_t at, uintptr_t pc, cfi_entry_t *cie,
                     cfi_entry_t *fde)
{
    cfi_reader_t in = entry_bytes(tables, at);
    uintptr_t field = (uintptr_t)in.at;
    uint64_t back = cfi_read_fixed(&in, 4);
    if (back == 0 || !parse_cie(tables, field - back, cie))
        return false;
    uintptr_t range;
    if (!cfi_read_encoded(&in, cie->encoding, 0, &fde->start) ||
        !cfi_read_encoded(&in, cie->encoding & 0x0f, 0, &range) || pc - fde->start >= range)
        return false;
    if (cie->has_augmentation)
        cfi_skip(&in, cfi_read_uleb(&in));
    fde->instructions = in;
    return true;
}

#endif
