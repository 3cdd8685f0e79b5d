/* origin: see origin.h. A free entry of the blocks' table ends a search, so a removed one is filled from behind (Knuth,
 * The Art of Computer Programming 3, 6.4, algorithm R).
 */
#include "runtime/heap/origin.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/os/text.h"
#include "runtime/pages/pages.h"

enum { BLOCKS_FIRST = 4096, INDEX = 2 * ORIGIN_STACKS, COMMIT = 1 << 20 };

static struct {
    lock_t lock;
    origin_t *blocks; /* `room` of them, a power of two */
    size_t count, room;
    origin_stack_t *stacks; /* reserved for all; committed as they come */
    size_t stacks_committed;
    uint32_t *index; /* of stacks by hash; 0: free */
    uint32_t known;  /* stacks, with number 0 */
    bool without;    /* there was no memory for the tables: no block has an origin any more */
} origins = {.lock = LOCK_INIT(LOCK_RANK_ORIGIN)};

/* Of libgcc_s; set once, before threads. */
static _Unwind_Reason_Code (*unwind)(_Unwind_Trace_Fn, void *);
static uintptr_t (*unwind_ip)(struct _Unwind_Context *);
static uintptr_t (*unwind_cfa)(struct _Unwind_Context *);
static uintptr_t (*unwind_register)(struct _Unwind_Context *, int);
/* The thread's: it is in the unwinder or in the linker for it. */
static __thread bool busy __attribute__((tls_model("initial-exec")));

/* This library, from its first header to the end of its data: the linker's. */
HIDDEN extern const char __ehdr_start[], _end[];

/* --- stacks --- */

static bool is_own(uintptr_t address)
{
    return address - (uintptr_t)__ehdr_start < (uintptr_t)(_end - __ehdr_start);
}

void origin_prepare(void)
{
    busy = true;
    void *library = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
    void *backtrace = library ? dlsym(library, "_Unwind_Backtrace") : NULL;
    void *ip = library ? dlsym(library, "_Unwind_GetIP") : NULL;
    void *cfa = library ? dlsym(library, "_Unwind_GetCFA") : NULL;
    void *held = library ? dlsym(library, "_Unwind_GetGR") : NULL;
    if (backtrace && ip && cfa && held) {
        unwind_cfa = (uintptr_t(*)(struct _Unwind_Context *))(uintptr_t)cfa;
        unwind_register = (uintptr_t(*)(struct _Unwind_Context *, int))(uintptr_t)held;
        unwind_ip = (uintptr_t(*)(struct _Unwind_Context *))(uintptr_t)ip;
        unwind = (_Unwind_Reason_Code(*)(_Unwind_Trace_Fn, void *))(uintptr_t)backtrace;
    } else {
        text_say("weir: WEIR_DEBUG=leaks=1: no libgcc_s.so.1: it cannot be said where leaks come from\n");
    }
    busy = false;
}

/* A frame holds the address after its call, which may belong to the next line, or to the next function. The frames of this
 * library are left out. */
static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *argument)
{
    origin_stack_t *stack = argument;
    uintptr_t address = unwind_ip(context);
    if (address == 0 || stack->depth == ORIGIN_FRAMES)
        return _URC_END_OF_STACK;
    if (!is_own(address))
        stack->frames[stack->depth++] = address - 1;
    return _URC_NO_REASON;
}

static void find_stack(origin_stack_t *stack)
{
    stack->depth = 0;
    if (!unwind || busy)
        return;
    busy = true;
    unwind(note_frame, stack);
    busy = false;
    uint64_t hash = stack->depth;
    for (uint32_t i = 0; i < stack->depth; i++)
        hash = (hash ^ stack->frames[i]) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29;
    stack->hash = (uint32_t)(hash >> 8);
}

static bool is_same(const origin_stack_t *a, const origin_stack_t *b)
{
    return a->hash == b->hash && a->depth == b->depth &&
           memcmp(a->frames, b->frames, a->depth * sizeof *a->frames) == 0;
}

static void *take(size_t bytes)
{
    void *memory = os_reserve(bytes, OS_PAGE);
    if (!memory || !os_commit(memory, bytes))
        return NULL;
    atomic_fetch_add_explicit(&ledger.metadata, bytes, memory_order_relaxed);
    return memory;
}

/* The stack's number; under the lock. */
static uint32_t intern(const origin_stack_t *stack)
{
    if (stack->depth == 0)
        return 0;
    uint32_t place = stack->hash % INDEX;
    for (; origins.index[place]; place = (place + 1) % INDEX)
        if (is_same(&origins.stacks[origins.index[place]], stack))
            return origins.index[place];
    uint32_t number = origins.known;
    size_t need = (number + 1) * sizeof *stack;
    if (number == ORIGIN_STACKS)
        return 0;
    if (need > origins.stacks_committed) {
        if (!os_commit((char *)origins.stacks + origins.stacks_committed, COMMIT))
            return 0;
        origins.stacks_committed += COMMIT;
        atomic_fetch_add_explicit(&ledger.metadata, COMMIT, memory_order_relaxed);
    }
    origins.stacks[number] = *stack;
    origins.index[place] = number;
    origins.known++;
    return number;
}

const origin_stack_t *origin_stack(uint32_t number)
{
    return &origins.stacks[number];
}

/* --- where the program called exit --- */

/* In the library that the other address is in? */
static bool is_beside(uintptr_t address, const void *other)
{
    Dl_info one, two;
    return dladdr((const void *)address, &one) && dladdr(other, &two) && one.dli_fbase == two.dli_fbase;
}

extern void *__tls_get_addr(void *); /* the dynamic linker's */

/* The numbers of rbx, rbp, r12 to r15 in the x86-64 ABI. */
static _Unwind_Reason_Code find_program(struct _Unwind_Context *context, void *argument)
{
    static const int kept[ORIGIN_HELD] = {3, 6, 12, 13, 14, 15};
    origin_frame_t *frame = argument;
    uintptr_t address = unwind_ip(context) - 1;
    frame->from = unwind_cfa(context);
    if (is_own(address) || is_beside(address, (const void *)(uintptr_t)exit) ||
        is_beside(address, (const void *)(uintptr_t)__tls_get_addr))
        return _URC_NO_REASON;
    for (size_t i = 0; i < ORIGIN_HELD; i++)
        frame->held[i] = unwind_register(context, kept[i]);
    return _URC_END_OF_STACK;
}

origin_frame_t origin_program_frame(const void *here)
{
    origin_frame_t frame = {.from = (uintptr_t)here};
#ifdef __x86_64__
    if (unwind)
        unwind(find_program, &frame);
#endif
    return frame;
}

/* --- blocks; under the lock --- */

static size_t home_of(uintptr_t block)
{
    return (block >> 4) * 0x9e3779b97f4a7c15u >> 20 & (origins.room - 1);
}

/* Where the block is, or would be. */
static origin_t *place_of(uintptr_t block)
{
    size_t place = home_of(block);
    while (origins.blocks[place].block && origins.blocks[place].block != block)
        place = (place + 1) & (origins.room - 1);
    return &origins.blocks[place];
}

/* Addresses stay reserved: they are known as the runtime's own. */
static void give_back(origin_t *blocks, size_t room)
{
    if (os_decommit(blocks, room * sizeof *blocks))
        atomic_fetch_sub_explicit(&ledger.metadata, room * sizeof *blocks, memory_order_relaxed);
}

static bool grow(void)
{
    origin_t *old = origins.blocks;
    size_t old_room = origins.room, room = old_room ? 2 * old_room : BLOCKS_FIRST;
    origin_t *blocks = take(room * sizeof *blocks);
    if (!blocks)
        return false;
    origins.blocks = blocks;
    origins.room = room;
    for (size_t i = 0; i < old_room; i++)
        if (old[i].block)
            *place_of(old[i].block) = old[i];
    if (old)
        give_back(old, old_room);
    return true;
}

/* Room for one more block and its stack. */
static bool have_room(void)
{
    if (!origins.stacks && !origins.without) {
        origins.index = take(INDEX * sizeof *origins.index);
        origin_stack_t *stacks =
            os_reserve(((size_t)ORIGIN_STACKS * sizeof *stacks + COMMIT) & ~(size_t)(COMMIT - 1), OS_PAGE);
        origins.without = !origins.index || !stacks || !os_commit(stacks, COMMIT);
        origins.stacks_committed = COMMIT;
        origins.known = 1;
        origins.stacks = stacks;
    }
    if (!origins.without && 4 * (origins.count + 1) > 3 * origins.room)
        origins.without = !grow();
    return !origins.without;
}

void origin_note(const void *p, size_t size)
{
    origin_stack_t stack;
    find_stack(&stack);
    lock_acquire(&origins.lock);
    if (have_room()) {
        origin_t *entry = place_of((uintptr_t)p);
        origins.count += entry->block == 0;
        *entry = (origin_t){.block = (uintptr_t)p, .size = size, .stack = intern(&stack)};
    }
    lock_release(&origins.lock);
}

static void remove_entry(size_t hole)
{
    size_t mask = origins.room - 1;
    for (size_t next = (hole + 1) & mask; origins.blocks[next].block; next = (next + 1) & mask)
        if (((next - home_of(origins.blocks[next].block)) & mask) >= ((next - hole) & mask)) {
            origins.blocks[hole] = origins.blocks[next];
            hole = next;
        }
    origins.blocks[hole].block = 0;
    origins.count--;
}

void origin_forget(const void *p)
{
    lock_acquire(&origins.lock);
    if (origins.room) {
        const origin_t *entry = place_of((uintptr_t)p);
        if (entry->block)
            remove_entry((size_t)(entry - origins.blocks));
    }
    lock_release(&origins.lock);
}

/* --- with the world stopped --- */

origin_t *origin_of(const void *p)
{
    origin_t *entry = origins.room ? place_of((uintptr_t)p) : NULL;
    return entry && entry->block ? entry : NULL;
}

void origin_each(void (*visit)(origin_t *origin))
{
    for (size_t i = 0; i < origins.room; i++)
        if (origins.blocks[i].block)
            visit(&origins.blocks[i]);
}

/* --- fork --- */

void origin_before_fork(void)
{
    lock_acquire(&origins.lock);
}

void origin_after_fork(bool child)
{
    lock_after_fork(&origins.lock, child);
}
