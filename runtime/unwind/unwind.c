/* unwind: see unwind.h. */
#define _GNU_SOURCE
#include "runtime/unwind/unwind.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/os/os.h"
#include "runtime/os/own.h"
#include "runtime/unwind/cfi.h"

/* --- how much of a stack may be read --- */

enum { PROBED_PAGES = 16, NEAR = 8 << 20 };

/* The end of what is readable from `from` on, a few pages at most: the kernel copies a byte of each page and
 * stops at the first that it cannot read. */
static uintptr_t probe(uintptr_t from)
{
    char bytes[PROBED_PAGES];
    struct iovec here = {bytes, sizeof bytes}, there[PROBED_PAGES];
    uintptr_t page = from & ~(uintptr_t)(OS_PAGE - 1);
    for (uint32_t i = 0; i < PROBED_PAGES; i++)
        there[i] = (struct iovec){(void *)(page + (uintptr_t)i * OS_PAGE), 1};
    int saved = errno;
    long got = filter_permits(FILTER_COPY)
                   ? syscall(SYS_process_vm_readv, getpid(), &here, 1, there, PROBED_PAGES, 0L)
                   : 0;
    errno = saved;
    return page + (got > 0 ? (uintptr_t)got : 1) * OS_PAGE; /* the page of `from` is in use */
}

/* The lower end of the first thread's stack is not known: what lies within NEAR bytes of its upper end counts
 * as that stack. */
static cfi_bounds_t bounds_of(unwind_stack_t own, uintptr_t sp)
{
    uintptr_t low = own.low ? own.low : own.high - NEAR;
    if (own.high && sp < own.high && sp >= low)
        return (cfi_bounds_t){sp, own.high};
    return (cfi_bounds_t){sp, probe(sp)};
}

/* Add an address, unless it is this library's. False: there is no room. A caller passes an address within the
 * call, because the return address may belong to the next line, or to the next function. */
static bool note(uintptr_t address, uintptr_t *calls, uint32_t room, uint32_t *count)
{
    if (own_has_in_image(address))
        return true;
    if (*count == room)
        return false;
    calls[(*count)++] = address;
    return true;
}

/* --- places --- */

static uint32_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash ^ hash >> 32);
}

/* A number that no other place has had (until it wraps). */
static uint32_t another(void)
{
    static _Atomic uint32_t last;
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed);
}

#ifdef __x86_64__

__attribute__((no_sanitize("address"))) static uint64_t hash_words(uint64_t hash, uintptr_t from,
                                                                   uintptr_t to)
{
    for (; from + sizeof(uint64_t) <= to; from += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, (const void *)from, sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

static uint32_t hash_contents(const cfi_bounds_t *bounds, uintptr_t from, uintptr_t to)
{
    enum { END = 1024 };
    if (from < bounds->low || to > bounds->high || from > to)
        return another();
    if (to - from <= 2 * END)
        return mix(hash_words(0, from, to), 0);
    return mix(hash_words(hash_words(0, from, from + END), to - END, to), to - from);
}

/* --- the cache ---
 *
 * A plain row fits in one word: the CFA is rsp or rbp plus a distance, the return address lies just below the
 * CFA, and each callee-saved register is unchanged or saved at a distance below the CFA.
 *
 *     63        48 47     40 39 ...                  0
 *     | cfa: 15+1 |   rbp   | r15, r14, r13, r12, rbx |  distances in words; 0: not changed
 *
 * The distance of the CFA has 15 bits; bit 48 is 1 if it counts from rbp, 0 if from rsp. The row of an
 * outermost frame says only that it is one (ROW_OUTERMOST: its CFA has the distance 0, which no plain row
 * has). Beside each row lies key XOR row: a reader that gets the halves of two different entries finds no
 * match. So no lock is needed (Hyatt and Mann, "A lockless transposition table implementation", 2002).
 */
enum { CACHED = 2048 };
static struct {
    _Atomic uint64_t mixed, row;
} cache_rows[CACHED];

static const uint64_t ROW_OUTERMOST = (uint64_t)1 << 48;
static const uint8_t kept[] = {CFI_RBX, 12, 13, 14, 15, CFI_RBP};
enum { KEPT = sizeof kept };

static uint64_t key_of(uintptr_t pc)
{
    return (uint64_t)pc * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)cfi_tables(pc);
}

/* 0: the row is not plain. */
static uint64_t pack(const cfi_row_t *row)
{
    if (row->rules[CFI_RETURN].how == CFI_UNDEFINED)
        return ROW_OUTERMOST;
    if (row->is_signal_frame || row->cfa.how != CFI_IN_REGISTER || row->cfa_offset % 8 ||
        row->cfa_offset < 8 || row->cfa_offset >= 8 << 15 ||
        (row->cfa.reg != CFI_RSP && row->cfa.reg != CFI_RBP))
        return 0;
    if (row->rules[CFI_RETURN].how != CFI_AT_OFFSET || row->rules[CFI_RETURN].offset != -8 ||
        row->rules[CFI_RSP].how != CFI_IS_OFFSET || row->rules[CFI_RSP].offset != 0)
        return 0;
    uint64_t packed = (uint64_t)(row->cfa_offset / 8) << 49 | (uint64_t)(row->cfa.reg == CFI_RBP) << 48;
    for (uint32_t i = 0; i < KEPT; i++) {
        const cfi_rule_t *rule = &row->rules[kept[i]];
        if (rule->how == CFI_SAME)
            continue;
        if (rule->how != CFI_AT_OFFSET || rule->offset % 8 || rule->offset >= 0 || rule->offset < -8 * 255)
            return 0;
        packed |= (uint64_t)(-rule->offset / 8) << 8 * i;
    }
    return packed;
}

static bool load_frame(const cfi_bounds_t *bounds, uintptr_t address, uintptr_t *value)
{
    if (address < bounds->low || address > bounds->high - sizeof *value || address % sizeof *value)
        return false;
    memcpy(value, (const void *)address, sizeof *value);
    return true;
}

static bool step_packed(uint64_t row, const cfi_bounds_t *bounds, cfi_frame_t *frame)
{
    uint32_t base = row >> 48 & 1 ? CFI_RBP : CFI_RSP;
    if (!(frame->known >> base & 1))
        return false;
    uintptr_t cfa = frame->reg[base] + (row >> 49) * 8;
    if (!load_frame(bounds, cfa - 8, &frame->reg[CFI_RETURN]))
        return false;
    for (uint32_t i = 0; i < KEPT; i++) {
        uintptr_t distance = (row >> 8 * i & 0xff) * 8;
        if (distance && !load_frame(bounds, cfa - distance, &frame->reg[kept[i]]))
            return false;
        frame->known |= (uint32_t)(distance > 0) << kept[i];
    }
    frame->reg[CFI_RSP] = cfa;
    return true;
}

/* --- walking --- */

enum step { STEPPED, OUTERMOST, LOST };

static enum step step(cfi_frame_t *frame, const cfi_bounds_t *bounds, bool *behind_call)
{
    uintptr_t pc = frame->reg[CFI_RETURN] - *behind_call;
    uint64_t key = key_of(pc);
    size_t place = key >> 40 & (CACHED - 1);
    uint64_t row = atomic_load_explicit(&cache_rows[place].row, memory_order_relaxed);
    if (row && (atomic_load_explicit(&cache_rows[place].mixed, memory_order_relaxed) ^ row) == key) {
        if (row == ROW_OUTERMOST)
            return OUTERMOST;
        *behind_call = true;
        return step_packed(row, bounds, frame) ? STEPPED : LOST;
    }
    cfi_row_t found;
    if (!cfi_find(pc, &found))
        return LOST;
    row = pack(&found);
    if (row) {
        atomic_store_explicit(&cache_rows[place].row, row, memory_order_relaxed);
        atomic_store_explicit(&cache_rows[place].mixed, key ^ row, memory_order_relaxed);
    }
    if (row == ROW_OUTERMOST)
        return OUTERMOST;
    *behind_call = !found.is_signal_frame;
    return cfi_step(&found, bounds, frame) ? STEPPED : LOST;
}

/* Fill in the current frame: the callee-saved registers, the stack pointer, and an address in the
 * function. */
static inline __attribute__((always_inline)) void capture(cfi_frame_t *frame)
{
    __asm__ volatile("movq %%rbx, 24(%0)\n\t"
                     "movq %%rbp, 48(%0)\n\t"
                     "movq %%rsp, 56(%0)\n\t"
                     "movq %%r12, 96(%0)\n\t"
                     "movq %%r13, 104(%0)\n\t"
                     "movq %%r14, 112(%0)\n\t"
                     "movq %%r15, 120(%0)\n\t"
                     "leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 128(%0)"
                     :
                     : "r"(frame)
                     : "rax", "memory");
    frame->known = 1u << CFI_RBX | 1u << CFI_RBP | 1u << CFI_RSP | 0xf000u | 1u << CFI_RETURN;
}

static uint32_t hash_registers(const cfi_frame_t *frame)
{
    uint32_t hash = 0;
    for (uint32_t i = 0; i < KEPT; i++)
        hash = mix(hash, frame->reg[kept[i]]);
    return hash;
}

/* Begin the place of the function whose call was just noted. end_place completes it after the next step, when
 * the end of its part of the stack is known. A function that a signal has interrupted makes no call: its
 * `frame` is a new odd number. */
static void begin_place(unwind_place_t *place, const cfi_frame_t *frame, bool is_call)
{
    *place = (unwind_place_t){.frame = is_call ? frame->reg[CFI_RSP] : 2 * (uintptr_t)another() + 1,
                              .registers = hash_registers(frame)};
}

static void end_place(unwind_place_t *place, const cfi_frame_t *frame, const cfi_bounds_t *bounds)
{
    if (place->frame % 2)
        return;
    place->contents = hash_contents(bounds, place->frame, frame->reg[CFI_RSP]);
    place->frame = frame->reg[CFI_RSP];
}

/* A signal handler's frame may lie on another stack than what it interrupted: the bounds are found again
 * there. */
static inline __attribute__((always_inline)) uint32_t walk(cfi_frame_t *frame, unwind_stack_t own,
                                                           uintptr_t *calls, unwind_place_t *places,
                                                           uint32_t room, bool *whole)
{
    enum { FRAMES = 512 };
    cfi_bounds_t bounds = bounds_of(own, frame->reg[CFI_RSP]);
    uint32_t count = 0, before = 0;
    bool behind_call = true;
    *whole = false;
    for (uint32_t i = 0; i < FRAMES; i++) {
        uintptr_t sp = frame->reg[CFI_RSP];
        enum step stepped = step(frame, &bounds, &behind_call);
        uintptr_t pc = frame->reg[CFI_RETURN];
        if (stepped == OUTERMOST || (stepped == STEPPED && pc == 0)) {
            *whole = true;
            return count;
        }
        if (stepped == LOST)
            return count;
        if (places && count > before)
            end_place(&places[count - 1], frame, &bounds);
        before = count;
        if (!behind_call)
            bounds = bounds_of(own, frame->reg[CFI_RSP]);
        else if (frame->reg[CFI_RSP] <= sp)
            return count;
        if (!note(behind_call ? pc - 1 : pc, calls, room, &count))
            return count;
        if (places && count > before)
            begin_place(&places[count - 1], frame, behind_call);
    }
    return count;
}

__attribute__((noinline, no_sanitize("address"))) uint32_t unwind_calls(unwind_stack_t own, uintptr_t *calls,
                                                                        uint32_t room, bool *whole)
{
    cfi_frame_t frame;
    capture(&frame);
    return walk(&frame, own, calls, NULL, room, whole);
}

__attribute__((noinline, no_sanitize("address"))) uint32_t
unwind_places(unwind_stack_t own, uintptr_t *calls, unwind_place_t *places, uint32_t room, bool *whole)
{
    cfi_frame_t frame;
    capture(&frame);
    return walk(&frame, own, calls, places, room, whole);
}

#else

/* On AArch64 and others a frame record holds the address of the caller's record and the return address. The
 * callee-saved registers are not known there, so no two places have the same contents. */
static inline __attribute__((always_inline, no_sanitize("address"))) uint32_t
walk(uintptr_t at, unwind_stack_t own, uintptr_t *calls, unwind_place_t *places, uint32_t room, bool *whole)
{
    cfi_bounds_t bounds = bounds_of(own, at);
    uint32_t count = 0;
    *whole = false;
    while (at >= bounds.low && at <= bounds.high - 2 * sizeof at && at % sizeof at == 0) {
        uintptr_t record[2];
        uint32_t before = count;
        memcpy(record, (const void *)at, sizeof record);
        if (record[1] == 0 || record[0] == 0)
            *whole = true;
        if (*whole || !note(record[1] - 1, calls, room, &count))
            return count;
        if (places && count > before)
            places[count - 1] = (unwind_place_t){record[0], mix(0, record[0]), another()};
        if (record[0] <= at)
            return count;
        at = record[0];
    }
    return count;
}

__attribute__((noinline)) uint32_t unwind_calls(unwind_stack_t own, uintptr_t *calls, uint32_t room,
                                                bool *whole)
{
    return walk((uintptr_t)__builtin_frame_address(0), own, calls, NULL, room, whole);
}

__attribute__((noinline)) uint32_t unwind_places(unwind_stack_t own, uintptr_t *calls, unwind_place_t *places,
                                                 uint32_t room, bool *whole)
{
    return walk((uintptr_t)__builtin_frame_address(0), own, calls, places, room, whole);
}

#endif
