/* guard: see guard.h. */
#include "runtime/profile/guard.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/cells/cache.h"
#include "runtime/cells/classes.h"
#include "runtime/config/options.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/pages/pages.h"
#include "runtime/process/modules.h"
#include "runtime/profile/profile.h"
#include "runtime/unwind/unwind.h"

enum { CALLS = 16, FILLING = 0xa5, MODULES = 128, NAMES = 16 * 1024 };

typedef struct guard_calls {
    uint32_t depth;
    uintptr_t frames[CALLS];
} guard_calls_t;

/* What is known of one page. Written under the lock; the handler of faults reads it without. */
typedef struct guarded {
    char *start; /* of the block; NULL: there never was one */
    uint32_t size, cls;
    bool is_live;
    guard_calls_t allocated, freed;
} guarded_t;

struct guard_range guard_range;

static struct {
    lock_t lock;
    guarded_t *slots;
    uint32_t used;               /* slots from the front that ever had a block */
    uint32_t queue[GUARD_SLOTS]; /* a ring of the slots that are free again, in the order of their frees */
    uint32_t oldest, waiting;    /* the place of its first slot; how many slots it has */
    uint32_t turn;               /* even: the next block lies at its page's end */
    module_t *modules;           /* for the report: room for MODULES */
    char *names;                 /* room for the names of the modules */
    struct sigaction before;     /* what SIGSEGV did */
} guard = {.lock = LOCK_INIT(LOCK_RANK_GUARD)};

static char *page_of(uint32_t slot)
{
    return (char *)guard_range.start + (2 * (size_t)slot + 1) * OS_PAGE;
}

/* --- what is said --- */

static void add_frame(text_t *text, uintptr_t address, size_t modules)
{
    text_add_str(text, "    ");
    for (size_t i = 0; i < modules; i++) {
        const module_t *module = &guard.modules[i];
        if (address < module->from || address >= module->to)
            continue;
        text_add_chars(text, module->name, module->name_length);
        text_add_str(text, "+");
        text_add_hex(text, address - module->from + module->offset);
        text_add_char(text, '\n');
        return;
    }
    text_add_hex(text, address);
    text_add_char(text, '\n');
}

static void say_calls(const char *what, const guard_calls_t *calls, size_t modules)
{
    char room[512];
    text_t text = text_on(room, sizeof room);
    text_add_str(&text, what);
    text_flush(&text, STDERR_FILENO);
    for (uint32_t i = 0; i < calls->depth; i++) {
        text = text_on(room, sizeof room);
        add_frame(&text, calls->frames[i], modules);
        text_flush(&text, STDERR_FILENO);
    }
}

COLD static void say_guarded(const char *what, const guarded_t *slot, const void *at, const char *call)
{
    char room[256];
    text_t text = text_on(room, sizeof room);
    text_add_str(&text, "weir: ");
    text_add_str(&text, what);
    text_add_hex(&text, (uintptr_t)slot->start);
    text_add_str(&text, " (");
    text_add_u64(&text, slot->size);
    text_add_str(&text, "-byte block)");
    if (at) {
        text_add_str(&text, ": byte ");
        text_add_i64(&text, (const char *)at - slot->start);
    }
    if (call) {
        text_add_str(&text, " in ");
        text_add_str(&text, call);
    }
    text_add_char(&text, '\n');
    text_flush(&text, STDERR_FILENO);
    size_t modules = modules_read(guard.modules, MODULES, guard.names, NAMES);
    say_calls("  allocated by\n", &slot->allocated, modules);
    if (!slot->is_live)
        say_calls("  freed by\n", &slot->freed, modules);
}

COLD static void report_guard(const char *what, const guarded_t *slot, const void *at, const char *call)
{
    say_guarded(what, slot, at, call);
    if (options.onerror == OPTIONS_ONERROR_ABORT)
        os_abort();
}

/* --- faults --- */

static bool has_block(size_t slot)
{
    return slot < GUARD_SLOTS && guard.slots[slot].start;
}

/* The block on this page, or, of an inaccessible page, the nearer of the two beside it. NULL: there is
 * none. */
static const guarded_t *block_near(uintptr_t at)
{
    size_t page = (at - guard_range.start) / OS_PAGE, left = page / 2 - 1, right = page / 2;
    bool near_left = at % OS_PAGE < OS_PAGE / 2;
    if (page % 2 == 1)
        return has_block(right) ? &guard.slots[right] : NULL;
    if (has_block(left) && (near_left || !has_block(right)))
        return &guard.slots[left];
    return has_block(right) ? &guard.slots[right] : NULL;
}

/* The instruction runs again when this returns, faults again, and the signal then does what it did before
 * guard_init. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    const void *at = info->si_addr;
    const guarded_t *block = guard_owns(at) ? block_near((uintptr_t)at) : NULL;
    if (block)
        say_guarded(!block->is_live                   ? "use after free of "
                    : (const char *)at < block->start ? "underflow of "
                                                      : "overflow of ",
                    block, at, NULL);
    sigaction(number, &guard.before, NULL);
}

/* --- the pages --- */

void guard_init(void)
{
    if (options.guard <= 0 || options.harden || options.collect || options.leaks || profile_is_on())
        return;
    size_t size = (2 * (size_t)GUARD_SLOTS + 1) * OS_PAGE;
    guard.slots = pages_metadata(GUARD_SLOTS * sizeof *guard.slots);
    guard.modules = pages_metadata(MODULES * sizeof *guard.modules + NAMES);
    char *start = guard.slots && guard.modules ? os_reserve(size, OS_PAGE) : NULL;
    if (!start)
        return;
    guard.names = (char *)(guard.modules + MODULES);
    guard_range.start = (uintptr_t)start;
    guard_range.size = size;
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &guard.before);
}

static void find_guard_calls(const heap_t *heap, guard_calls_t *calls)
{
    bool whole;
    calls->depth = unwind_calls(thread_state_stack(&heap->thread), calls->frames, CALLS, &whole);
}

/* A page that was never used, or else the one that was freed longest ago. GUARD_SLOTS: all are in use. */
static uint32_t take_slot(void)
{
    if (guard.used < GUARD_SLOTS)
        return guard.used++;
    if (guard.waiting == 0)
        return GUARD_SLOTS;
    uint32_t slot = guard.queue[guard.oldest];
    guard.oldest = (guard.oldest + 1) % GUARD_SLOTS;
    guard.waiting--;
    return slot;
}

static void give_slot(uint32_t slot)
{
    guard.queue[(guard.oldest + guard.waiting) % GUARD_SLOTS] = slot;
    guard.waiting++;
}

/* A block at the page's end is aligned to 16 bytes. For a larger alignment raw_aligned has rounded the size
 * up to a multiple of it, which aligns the block as well. */
static char *place_in(char *page, size_t size)
{
    bool at_end = guard.turn++ % 2 == 0;
    return at_end ? page + ((OS_PAGE - size) & ~(size_t)15) : page;
}

void *guard_alloc(const heap_t *heap, uint32_t cls, size_t size)
{
    if (class_size(cls) > OS_PAGE)
        return NULL;
    guard_calls_t calls;
    find_guard_calls(heap, &calls);
    lock_acquire(&guard.lock);
    char *start = NULL;
    uint32_t number = take_slot();
    if (number < GUARD_SLOTS && !os_commit(page_of(number), OS_PAGE)) {
        give_slot(number);
    } else if (number < GUARD_SLOTS) {
        start = place_in(page_of(number), size);
        memset(page_of(number), FILLING, OS_PAGE);
        guard.slots[number] = (guarded_t){
            .start = start, .size = (uint32_t)size, .cls = cls, .is_live = true, .allocated = calls};
    }
    lock_release(&guard.lock);
    return start;
}

/* NULL: p is no block's start. */
static guarded_t *slot_of(const void *p, uint32_t *number)
{
    size_t page = ((uintptr_t)p - guard_range.start) / OS_PAGE;
    *number = (uint32_t)(page / 2);
    return page % 2 == 1 && guard.slots[*number].start == p ? &guard.slots[*number] : NULL;
}

/* The first byte beside the block that was written to; NULL: none was. */
static const char *find_damage(const guarded_t *slot, const char *page)
{
    for (const char *at = page; at < page + OS_PAGE; at++) {
        if (at == slot->start)
            at += slot->size;
        if (at < page + OS_PAGE && *(const unsigned char *)at != FILLING)
            return at;
    }
    return NULL;
}

/* Under the lock, which is released for a report. The block is no longer live: a second free of it meanwhile
 * is found. */
static void check_fillings(const guarded_t *slot, const char *page)
{
    const char *damage = find_damage(slot, page);
    if (!damage)
        return;
    guarded_t copy = *slot;
    lock_release(&guard.lock);
    report_guard(damage < copy.start ? "underflow of " : "overflow of ", &copy, damage, "free()");
    lock_acquire(&guard.lock);
}

static void report_misuse(const guarded_t *slot, const void *p, const char *what, const char *call)
{
    const guarded_t *near = slot ? slot : block_near((uintptr_t)p);
    if (near)
        report_guard(slot ? what : "interior address of ", near, slot ? NULL : p, call);
}

uint32_t guard_free(const heap_t *heap, void *p)
{
    uint32_t number, cls = 0;
    guard_calls_t calls;
    find_guard_calls(heap, &calls);
    lock_acquire(&guard.lock);
    guarded_t *slot = slot_of(p, &number);
    bool is_block = slot && slot->is_live;
    if (is_block) {
        slot->freed = calls;
        slot->is_live = false;
        check_fillings(slot, page_of(number));
        cls = slot->cls;
        os_decommit(page_of(number), OS_PAGE);
        give_slot(number);
    }
    lock_release(&guard.lock);
    if (!is_block)
        report_misuse(slot, p, "double free of ", "free()");
    return cls;
}

size_t guard_size(const void *p, const char *call)
{
    uint32_t number;
    const guarded_t *slot = slot_of(p, &number); /* without the lock: it is the caller's block, or misused */
    size_t size = slot && slot->is_live ? slot->size : SIZE_MAX;
    if (size == SIZE_MAX)
        report_misuse(slot, p, "use after free of ", call);
    return size;
}

/* --- fork --- */

bool guard_before_fork(void)
{
    return lock_acquire_soon(&guard.lock);
}

void guard_after_fork(bool child)
{
    lock_after_fork(&guard.lock, child);
}
