/* guard_model: random operations on guarded blocks, right and wrong ones, against a model that knows which page each
 * takes.
 *
 *     the model      pages that had a block; free ones in the order of their frees; whether the next block
 *                    lies at the start or at the end of its page
 *     each block     its page, its place there, what it holds, what was written beside it
 *     the heap       guard=1: each block that fits into a page is guarded, while there are pages
 *
 * A page is accessible while its block lives, and those beside it never are. Each misuse is reported once, with the
 * right words, and does nothing else (onerror=warn). After each few hundred steps the account is compared.
 *
 * MODEL_SEED and MODEL_STEPS in the environment repeat a run or make it longer. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <weir/stats.h>

#include "runtime/cells/classes.h"
#include "runtime/profile/guard.h"
#include "tests/unit/support.h"

enum { BLOCKS = 400, NO_SLOT = GUARD_SLOTS };

typedef struct block {
    char *start; /* NULL: none */
    size_t size, cell;
    uint64_t seed;
    uint32_t slot;
    const char *damage; /* what its free will say; NULL: nothing */
} block_t;

static struct {
    block_t blocks[BLOCKS];
    char *freed[GUARD_SLOTS]; /* the last block of each page, while it is free */
    uint32_t used, waiting[GUARD_SLOTS], count;
    uint32_t turn;
    uint64_t random, seed;
    size_t step, guarded, misuses;
    size_t mallocs, frees, bytes; /* of all blocks */
    int said, pipe[2];            /* a file in place of stderr; to ask the kernel about an address */
    off_t read;
} model;

#define HOLDS(condition) CHECK(condition, "step %zu, MODEL_SEED=%lu", model.step, model.seed)

static size_t below(size_t bound)
{
    return random_below(&model.random, bound);
}

/* --- what is said --- */

static void expect_line(const char *what)
{
    static char text[1 << 16];
    ssize_t length = pread(model.said, text, sizeof text - 1, model.read);
    HOLDS(length > 0 && length < (ssize_t)sizeof text - 1);
    text[length] = 0;
    model.read += length;
    model.misuses++;
    HOLDS(strncmp(text, "weir: ", 6) == 0 && strncmp(text + 6, what, strlen(what)) == 0);
    HOLDS(!strstr(text + 6, "weir: "));
    HOLDS(strstr(text, "allocated by"));
}

static void expect_silence(void)
{
    HOLDS(lseek(model.said, 0, SEEK_END) == model.read);
}

/* --- pages --- */

static char *page_at(uint32_t slot)
{
    return (char *)guard_range.start + (2 * (size_t)slot + 1) * OS_PAGE;
}

/* The kernel copies from there, or says that it cannot. */
static bool is_accessible(const char *p)
{
    char byte;
    if (write(model.pipe[1], p, 1) != 1)
        return false;
    HOLDS(read(model.pipe[0], &byte, 1) == 1);
    return true;
}

static void check_page(uint32_t slot, bool is_live)
{
    HOLDS(is_accessible(page_at(slot)) == is_live);
    HOLDS(is_accessible(page_at(slot) + OS_PAGE - 1) == is_live);
    HOLDS(!is_accessible(page_at(slot) - 1) && !is_accessible(page_at(slot) + OS_PAGE));
}

/* The page of the next block; NO_SLOT: there is none. */
static uint32_t next_slot(void)
{
    if (model.used < GUARD_SLOTS)
        return model.used;
    return model.count ? model.waiting[0] : NO_SLOT;
}

static void slot_taken(void)
{
    if (model.used < GUARD_SLOTS)
        model.used++;
    else
        memmove(model.waiting, model.waiting + 1, --model.count * sizeof model.waiting[0]);
}

/* --- blocks --- */

/* Note a new block of the size asked for. If it is guarded, it lies where the model says. */
static void note_block(block_t *block, char *p, size_t size, size_t asked)
{
    bool fits = class_size(class_of(asked)) <= OS_PAGE;
    HOLDS(p);
    *block = (block_t){.start = p, .size = asked, .slot = NO_SLOT};
    block->seed = random_next(&model.random);
    block->cell = class_size(class_of(asked));
    HOLDS(guard_owns(p) == (fits && next_slot() != NO_SLOT));
    if (guard_owns(p)) {
        block->slot = next_slot();
        slot_taken();
        bool at_end = model.turn++ % 2 == 0;
        char *page = page_at(block->slot);
        HOLDS(p == (at_end ? page + ((OS_PAGE - asked) & ~(size_t)15) : page));
        HOLDS(heap_usable_size(p) == asked && asked >= size);
        check_page(block->slot, true);
        model.freed[block->slot] = NULL;
        model.guarded++;
    }
    pattern_fill(p, asked, block->seed);
    model.mallocs++;
    model.bytes += block->cell;
}

static void note_free(block_t *block)
{
    if (block->slot != NO_SLOT) {
        model.waiting[model.count++] = block->slot;
        model.freed[block->slot] = block->start;
        check_page(block->slot, false);
    }
    if (block->damage)
        expect_line(block->damage);
    model.frees++;
    model.bytes -= block->cell;
    block->start = NULL;
}

static size_t random_size(void)
{
    static const size_t most[] = {16, 100, 600, 4096, 6000};
    return below(most[below(COUNT(most))]) + 1;
}

static void allocate(block_t *block)
{
    size_t size = random_size();
    note_block(block, heap_malloc(size), size, size);
}

/* An alignment above 16 takes a whole cell, of a class whose cells have that alignment. */
static void allocate_aligned(block_t *block)
{
    size_t alignment = (size_t)16 << below(7), size = random_size(), asked = size;
    if (alignment > 16) {
        uint32_t cls = class_of((size + alignment - 1) & ~(alignment - 1));
        while (class_size(cls) % alignment != 0)
            cls++;
        asked = class_size(cls);
    }
    char *p = heap_aligned(alignment, size);
    HOLDS((uintptr_t)p % alignment == 0);
    note_block(block, p, size, asked);
}

static void release(block_t *block)
{
    HOLDS(pattern_intact(block->start, block->size, block->size, block->seed));
    if (below(4) == 0)
        heap_free_sized(block->start, block->size);
    else
        heap_free(block->start);
    note_free(block);
}

/* realloc allocates the new block before it frees the old one. An ordinary block may stay in place. */
static void resize(block_t *block)
{
    size_t size = random_size(), kept = size < block->size ? size : block->size;
    block_t old = *block;
    char *p = heap_realloc(old.start, size);
    HOLDS(pattern_intact(p, old.size, kept, old.seed));
    if (p == old.start) {
        HOLDS(old.slot == NO_SLOT && size <= old.cell);
        block->size = size;
        pattern_fill(p, size, block->seed);
        return;
    }
    note_block(block, p, size, size);
    note_free(&old);
}

/* Change a byte of the page outside of the block: the free of the block will report it. */
static void damage(block_t *block)
{
    if (block->slot == NO_SLOT || block->damage)
        return;
    char *page = page_at(block->slot), *at = page + (below(2) ? below(OS_PAGE) : OS_PAGE - 1 - below(8));
    if (at >= block->start && at < block->start + block->size)
        return;
    *at ^= 1;
    block->damage = at < block->start ? "underflow of" : "overflow of";
}

/* --- misuse --- */

static void free_inside(const block_t *block)
{
    if (block->slot == NO_SLOT || block->size < 2)
        return;
    heap_free(block->start + 1 + below(block->size - 1));
    expect_line("interior address of");
    HOLDS(pattern_intact(block->start, block->size, block->size, block->seed));
}

static void misuse_freed(void)
{
    char *p = model.freed[below(GUARD_SLOTS)];
    if (!p)
        return;
    switch (below(3)) {
    case 0:
        heap_free(p);
        expect_line("double free of");
        break;
    case 1:
        HOLDS(heap_realloc(p, random_size()) == NULL);
        expect_line("use after free of");
        break;
    default:
        HOLDS(heap_usable_size(p) == 0);
        expect_line("use after free of");
    }
}

/* --- the run --- */

static void step(void)
{
    block_t *block = &model.blocks[below(BLOCKS)];
    size_t what = below(20);
    if (what == 0)
        misuse_freed();
    else if (!block->start)
        what < 5 ? allocate_aligned(block) : allocate(block);
    else if (what == 1)
        free_inside(block);
    else if (what == 2)
        damage(block);
    else if (what < 7)
        resize(block);
    else
        release(block);
    expect_silence();
}

static void check_account(const weir_mem_stats *before)
{
    weir_mem_stats now;
    weir_read_mem_stats(&now);
    HOLDS(now.mallocs - before->mallocs == model.mallocs);
    HOLDS(now.frees - before->frees == model.frees);
    HOLDS(now.heap_alloc - before->heap_alloc == model.bytes);
    verify_own();
}

static uint64_t environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

Test(guard_model, blocks_pages_and_reports)
{
    setenv("WEIR_DEBUG", "guard=1,onerror=warn", 1);
    model.random = model.seed = environment("MODEL_SEED", 1);
    size_t steps = environment("MODEL_STEPS", 20000);
    model.said = memfd_create("stderr", MFD_CLOEXEC);
    HOLDS(pipe2(model.pipe, O_CLOEXEC) == 0 && dup2(model.said, STDERR_FILENO) >= 0);
    static weir_mem_stats before;
    weir_read_mem_stats(&before);
    for (; model.step < steps; model.step++) {
        step();
        if (model.step % 500 == 0)
            check_account(&before);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        if (model.blocks[i].start)
            release(&model.blocks[i]);
    check_account(&before);
    HOLDS(model.bytes == 0 && model.guarded > steps / 10 && model.misuses > steps / 50);
}
