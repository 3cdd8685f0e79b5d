/* model: random operations on all entry points, by several threads that hand blocks to each other, against a
 * shadow of what is allocated.
 *
 *   contents    each block holds a pattern made of its own number, checked at every use
 *   overlap     a bitmap of the region, one bit per 16 bytes: set when a block is received, cleared before it
 *               is freed; a bit that is set already belongs to two blocks
 *   alignment   of 16 bytes, or what was asked for
 *   structure   verify_heap, now and then
 *
 * MODEL_SEED and MODEL_STEPS in the environment repeat a run or make it longer. A seed repeats the operations
 * of each thread, not their interleaving, which the scheduler decides.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>

#include "runtime/control/account.h"
#include "runtime/control/control.h"
#include "runtime/control/trim.h"
#include "tests/unit/support.h"

enum { THREADS = 4, BLOCKS = 400, BOXES = 64, STEPS = SANITIZED ? 10000 : 60000 };

enum { TAKEN_WORDS = 1 << 21 }; /* for the first 2 GiB of the region: more than is ever used here */

typedef struct block {
    char *p;
    size_t size, usable;
    uint64_t pattern;
} block_t;

typedef struct worker {
    uint64_t random, seed;
    size_t number, step;
    block_t blocks[BLOCKS];
} worker_t;

static struct {
    _Atomic uint64_t taken[TAKEN_WORDS]; /* the bitmap */
    worker_t workers[THREADS];
    _Atomic(block_t *) boxes[BOXES];
    block_t passed[THREADS][BLOCKS]; /* the boxes' blocks: each thread's own stock of them */
    uint64_t seed;
    size_t steps;
    bool may_fail; /* there is a hard limit */
} model;

#define MODEL_CHECK(worker, condition)                                                                       \
    CHECK(condition, "thread %zu, step %zu, MODEL_SEED=%lu", (worker)->number, (worker)->step,               \
          (unsigned long)model.seed)

static size_t pick(worker_t *worker, size_t bound)
{
    return random_below(&worker->random, bound);
}

/* Mostly small; now and then large, huge or nothing at all. */
static size_t pick_size(worker_t *worker)
{
    size_t kind = pick(worker, 1000);
    if (kind < 20)
        return 0;
    if (kind < 700)
        return 1 + pick(worker, 300);
    if (kind < 900)
        return 1 + pick(worker, 5000);
    if (kind < 980)
        return 1 + pick(worker, 40000);
    if (kind < 998)
        return 1 + pick(worker, MIB(1));
    return 1 + pick(worker, MIB(4));
}

/* --- the bitmap --- */

static void set_bits(worker_t *worker, size_t word, uint64_t bits, bool taken)
{
    if (taken)
        MODEL_CHECK(worker, (atomic_fetch_or(&model.taken[word], bits) & bits) == 0);
    else
        MODEL_CHECK(worker, (atomic_fetch_and(&model.taken[word], ~bits) & bits) == bits);
}

static void set_range(worker_t *worker, const block_t *block, bool taken)
{
    size_t first = region_unit(block->p), end = first + (block->usable ? block->usable / 16 : 1);
    MODEL_CHECK(worker, end <= TAKEN_WORDS * (size_t)64);
    for (size_t unit = first; unit < end;) {
        size_t bit = unit % 64, length = 64 - bit < end - unit ? 64 - bit : end - unit;
        uint64_t bits = (length == 64 ? ~(uint64_t)0 : ((uint64_t)1 << length) - 1) << bit;
        set_bits(worker, unit / 64, bits, taken);
        unit += length;
    }
}

/* --- blocks --- */

static void block_receive(worker_t *worker, block_t *block, void *p, size_t size, size_t alignment)
{
    *block = (block_t){.p = NULL};
    if (!p) {
        MODEL_CHECK(worker, model.may_fail && errno == ENOMEM);
        return;
    }
    *block = (block_t){p, size, heap_usable_size(p), random_next(&worker->random)};
    MODEL_CHECK(worker, heap_owns(p) && (uintptr_t)p % alignment == 0);
    MODEL_CHECK(worker, block->usable >= size && block->usable % 16 == 0);
    set_range(worker, block, true);
    pattern_fill(p, size, block->pattern);
}

static void block_check(worker_t *worker, const block_t *block, size_t kept)
{
    MODEL_CHECK(worker, pattern_intact(block->p, block->size, kept, block->pattern));
}

static void block_free(worker_t *worker, block_t *block)
{
    if (!block->p)
        return;
    block_check(worker, block, block->size);
    MODEL_CHECK(worker, heap_usable_size(block->p) == block->usable);
    set_range(worker, block, false);
    if (pick(worker, 4) == 0)
        heap_free_sized(block->p, block->size);
    else
        heap_free(block->p);
    block->p = NULL;
}

/* --- operations --- */

static void do_malloc(worker_t *worker, block_t *block)
{
    size_t size = pick_size(worker);
    block_free(worker, block);
    block_receive(worker, block, heap_malloc(size), size, 16);
}

static void do_calloc(worker_t *worker, block_t *block)
{
    size_t size = pick_size(worker), count = 1 + pick(worker, 10);
    size = size / count * count;
    block_free(worker, block);
    char *p = heap_calloc(count, size / count);
    MODEL_CHECK(worker, !p || is_zero(p, size));
    block_receive(worker, block, p, size, 16);
}

static void do_aligned(worker_t *worker, block_t *block)
{
    size_t size = pick_size(worker), alignment = (size_t)1 << pick(worker, pick(worker, 50) ? 14 : 24);
    block_free(worker, block);
    void *p = heap_aligned(alignment, size);
    block_receive(worker, block, p, size, alignment < 16 ? 16 : alignment);
}

/* The bits of the old block are cleared before the call, and set again if it fails. */
static void do_realloc(worker_t *worker, block_t *block)
{
    block_t old = *block;
    size_t size = pick_size(worker), kept = size < old.size ? size : old.size;
    if (!old.p)
        return;
    block_check(worker, &old, old.size);
    set_range(worker, &old, false);
    char *p = heap_realloc(old.p, size);
    if (!p && size) {
        MODEL_CHECK(worker, model.may_fail);
        set_range(worker, &old, true);
        return;
    }
    block->p = NULL;
    if (!p)
        return;
    MODEL_CHECK(worker, pattern_intact(p, old.size, kept, old.pattern));
    block_receive(worker, block, p, size, 16);
}

static void do_free(worker_t *worker, block_t *block)
{
    block_free(worker, block);
}

static void do_check(worker_t *worker, block_t *block)
{
    if (block->p)
        block_check(worker, block, block->size);
}

/* Put a block into a box, for any thread; take what was in the box. */
static void do_exchange(worker_t *worker, block_t *block)
{
    block_t *mine = NULL;
    for (size_t i = 0; i < BLOCKS && !mine; i++)
        if (!__atomic_load_n(&model.passed[worker->number][i].p, __ATOMIC_ACQUIRE))
            mine = &model.passed[worker->number][i];
    if (!mine || !block->p)
        return;
    *mine = *block;
    *block = (block_t){.p = NULL};
    block_t *other = atomic_exchange(&model.boxes[pick(worker, BOXES)], mine);
    if (!other)
        return;
    *block = *other;
    __atomic_store_n(&other->p, NULL, __ATOMIC_RELEASE);
    block_check(worker, block, block->size);
}

static void do_maintenance(worker_t *worker, block_t *block)
{
    (void)block;
    size_t kind = pick(worker, 200);
    if (kind == 0)
        trim_all(0);
    else if (kind < 10)
        verify_own();
}

static const struct {
    int weight;
    void (*run)(worker_t *worker, block_t *block);
} operations[] = {{30, do_malloc}, {8, do_calloc}, {6, do_aligned},   {12, do_realloc},
                  {20, do_free},   {10, do_check}, {12, do_exchange}, {2, do_maintenance}};

static void worker_step(worker_t *worker)
{
    int choice = (int)pick(worker, 100);
    size_t i = 0;
    while ((choice -= operations[i].weight) >= 0)
        i++;
    operations[i].run(worker, &worker->blocks[pick(worker, BLOCKS)]);
}

static void worker_run(size_t number)
{
    worker_t *worker = &model.workers[number];
    *worker = (worker_t){.random = model.seed + number, .number = number};
    for (; worker->step < model.steps; worker->step++)
        worker_step(worker);
    for (size_t i = 0; i < BLOCKS; i++)
        block_free(worker, &worker->blocks[i]);
    verify_own();
}

/* --- the runs --- */

static uint64_t environment(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 0) : otherwise;
}

static void check_the_end(void)
{
    account_t account;
    for (size_t i = 0; i < BOXES; i++)
        if (model.boxes[i])
            block_free(&model.workers[0], model.boxes[i]);
    account_read(&account);
    cr_expect_eq(account.large_allocs, account.large_frees);
    for (uint32_t cls = 0; cls < CLASS_COUNT; cls++)
        cr_expect_eq(account.mallocs[cls], account.frees[cls], "class %u", cls);
    trim_all(0);
    for (const heap_t *heap = heaps.all; heap; heap = heap->next)
        verify_heap(heap);
}

static void model_run(uint64_t seed)
{
    heap_free(heap_malloc(1));
    model.seed = environment("MODEL_SEED", seed);
    model.steps = environment("MODEL_STEPS", STEPS);
    threads_run(THREADS, worker_run);
    check_the_end();
}

Test(model, at_the_defaults)
{
    model_run(1);
}

Test(model, nothing_is_released)
{
    control_set_gc_percent(-1);
    model_run(2);
}

Test(model, little_is_kept)
{
    control_set_gc_percent(10);
    model_run(3);
}

Test(model, nothing_is_kept)
{
    control_set_gc_percent(0);
    model_run(4);
}

Test(model, a_tight_soft_limit)
{
    control_set_memory_limit((int64_t)MIB(24));
    model_run(5);
}

Test(model, a_tight_hard_limit)
{
    control_set_hard_limit((int64_t)MIB(32));
    model.may_fail = true;
    model_run(6);
}
