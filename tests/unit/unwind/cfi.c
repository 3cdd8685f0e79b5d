/* cfi: stack walks by our reader of the call frame information, compared with libgcc's frame by frame, where
 * stacks are unusual: in a callback of the C library, in a signal handler, in one with a stack of its own, in
 * a coroutine, on a realigned stack. And damaged tables.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unwind.h>

#include "runtime/os/os.h"
#include "runtime/unwind/cfi.h"
#include "runtime/unwind/unwind.h"
#include "tests/fuzz/fuzz.h"

enum { ROOM = 64 };

#ifdef __x86_64__ /* others have no such information here */

typedef struct walk {
    uintptr_t pc[ROOM];
    uint32_t count;
    int skip;
} walk_t;

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *argument)
{
    walk_t *walk = argument;
    if (walk->skip-- > 0)
        return _URC_NO_REASON;
    uintptr_t pc = _Unwind_GetIP(context);
    if (pc == 0 || walk->count == ROOM)
        return _URC_END_OF_STACK;
    walk->pc[walk->count++] = pc;
    return _URC_NO_REASON;
}

static walk_t found, expected;

/* Walk from the caller's frame outwards; the argument is a copy of its registers. */
__attribute__((noinline)) static void walk_from(cfi_frame_t frame)
{
    cfi_bounds_t bounds = {frame.reg[CFI_RSP], UINTPTR_MAX};
    bool behind_call = true;
    while (found.count < ROOM) {
        cfi_row_t row;
        if (!cfi_find(frame.reg[CFI_RETURN] - behind_call, &row) || !cfi_step(&row, &bounds, &frame))
            return;
        behind_call = !row.is_signal_frame;
        if (frame.reg[CFI_RETURN] == 0)
            return;
        if (row.is_signal_frame)
            bounds.low = 0;
        found.pc[found.count++] = frame.reg[CFI_RETURN];
    }
}

__attribute__((noinline)) static void look(void)
{
    cfi_frame_t frame = {.known = 1u << CFI_RBX | 1u << CFI_RBP | 1u << CFI_RSP | 0xf000u | 1u << CFI_RETURN};
    __asm__ volatile(
        "movq %%rbx, 24(%0)\n\tmovq %%rbp, 48(%0)\n\tmovq %%rsp, 56(%0)\n\tmovq %%r12, 96(%0)\n\t"
        "movq %%r13, 104(%0)\n\tmovq %%r14, 112(%0)\n\tmovq %%r15, 120(%0)\n\tleaq 0(%%rip), %%rax\n\t"
        "movq %%rax, 128(%0)"
        :
        : "r"(&frame)
        : "rax", "memory");
    found = expected = (walk_t){.skip = 0};
    walk_from(frame);
    expected.skip = 1; /* this function's own frame */
    _Unwind_Backtrace(note_frame, &expected);
}

static void check(void)
{
    cr_assert_gt(expected.count, 2u);
    cr_assert_eq(found.count, expected.count, "%u frames of %u", found.count, expected.count);
    for (uint32_t i = 0; i < found.count; i++)
        cr_assert_eq(found.pc[i], expected.pc[i], "frame %u: %#lx, not %#lx", i, (unsigned long)found.pc[i],
                     (unsigned long)expected.pc[i]);
}

Test(cfi, plain_calls)
{
    look();
    check();
}

static int compare(const void *a, const void *b)
{
    look();
    return *(const int *)a - *(const int *)b;
}

Test(cfi, a_callback_of_the_c_library)
{
    int numbers[] = {2, 1};
    qsort(numbers, 2, sizeof numbers[0], compare);
    check();
}

__attribute__((noinline)) static void with_an_aligned_frame(size_t size)
{
    _Alignas(64) volatile char aligned[64];
    volatile char *variable = __builtin_alloca(size);
    variable[0] = aligned[0] = 1;
    look();
    variable[0] = aligned[0];
}

Test(cfi, a_stack_that_a_function_realigns)
{
    with_an_aligned_frame((size_t)(100 + rand() % 10));
    check();
}

static void on_signal(int number)
{
    (void)number;
    look();
}

Test(cfi, a_signal_handler)
{
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    check();
}

Test(cfi, a_signal_handler_on_its_own_stack)
{
    static char stack[65536];
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&own, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_ONSTACK}, NULL);
    raise(SIGUSR1);
    check();
}

#endif

/* --- the whole unwinder: unwind.h --- */

static uintptr_t calls[ROOM];
static uint32_t count;
static bool whole;

static void unwind(unwind_stack_t own)
{
    count = unwind_calls(own, calls, ROOM, &whole);
}

/* Test and runtime are one image here, whose frames are left out; only the C library's frames are left. */
static int compare_and_unwind(const void *a, const void *b)
{
    unwind((unwind_stack_t){0, 0});
    return *(const int *)a - *(const int *)b;
}

Test(unwind, an_unknown_stack_is_probed)
{
    int numbers[] = {2, 1};
    qsort(numbers, 2, sizeof numbers[0], compare_and_unwind);
#ifdef __x86_64__
    cr_assert(whole);
    cr_assert_gt(count, 0u);
#endif
}

static ucontext_t back, coroutine;

static void in_coroutine(void)
{
    unwind((unwind_stack_t){0, 0});
    swapcontext(&coroutine, &back);
}

/* A stack that ends where its mapping does, and all that follows is inaccessible. */
Test(unwind, a_coroutine_at_the_end_of_its_mapping)
{
    enum { SIZE = 64 * 1024 };
    char *stack = os_reserve(2 * SIZE, OS_PAGE);
    os_commit(stack, SIZE);
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = SIZE;
    makecontext(&coroutine, in_coroutine, 0);
    swapcontext(&back, &coroutine);
    cr_assert_leq(count, 1u); /* __start_context */
}

Test(unwind, the_cache_gives_the_same_again)
{
    uintptr_t first[ROOM];
    int numbers[] = {2, 1};
    qsort(numbers, 2, sizeof numbers[0], compare_and_unwind);
    uint32_t first_count = count;
    memcpy(first, calls, sizeof first);
    numbers[0] = 2, numbers[1] = 1;
    qsort(numbers, 2, sizeof numbers[0], compare_and_unwind);
    cr_assert_eq(count, first_count);
    cr_assert_eq(memcmp(first, calls, count * sizeof calls[0]), 0);
}

static unwind_place_t places[ROOM];
static uint32_t place_count;

static int compare_and_find_places(const void *a, const void *b)
{
    place_count = unwind_places((unwind_stack_t){0, 0}, calls, places, ROOM, &whole);
    return *(const int *)a - *(const int *)b;
}

static void sort_and_find_places(void)
{
    int numbers[] = {2, 1};
    qsort(numbers, 2, sizeof numbers[0], compare_and_find_places);
}

Test(unwind, places_are_of_the_calls_and_further_out_each)
{
    int numbers[] = {2, 1};
    sort_and_find_places();
    qsort(numbers, 2, sizeof numbers[0], compare_and_unwind);
    cr_assert_eq(place_count, count);
    for (uint32_t i = 1; i < place_count; i++)
        cr_assert_gt(places[i].frame, places[i - 1].frame);
}

/* The outermost ones have not moved in between. */
Test(unwind, places_are_the_same_again)
{
    unwind_place_t first[ROOM];
    for (int i = 0; i < 2; i++) {
        memcpy(first, places, sizeof first);
        sort_and_find_places();
    }
#ifdef __x86_64__
    cr_assert_gt(place_count, 1u);
    const unwind_place_t *then = &first[place_count - 1], *now = &places[place_count - 1];
    cr_assert_eq(then->frame, now->frame);
    cr_assert_eq(then->registers, now->registers);
    cr_assert_eq(then->contents, now->contents);
#endif
}

#ifdef __x86_64__

static void find_places_on_signal(int number)
{
    (void)number;
    place_count = unwind_places((unwind_stack_t){0, 0}, calls, places, ROOM, &whole);
}

static uintptr_t interrupted(void)
{
    raise(SIGUSR1);
    for (uint32_t i = 0; i < place_count; i++)
        if (places[i].frame % 2)
            return places[i].frame;
    return 0;
}

/* The interrupted frame is not at a call, so it cannot be told whether it stands where it stood before. */
Test(unwind, what_a_signal_interrupts_is_never_the_same)
{
    signal(SIGUSR1, find_places_on_signal);
    uintptr_t first = interrupted(), second = interrupted();
    cr_assert_neq(first, 0u);
    cr_assert_neq(second, 0u);
    cr_assert_neq(first, second);
}

#endif

Test(unwind, room_for_fewer_frames)
{
    count = unwind_calls((unwind_stack_t){0, 0}, calls, 1, &whole);
    cr_assert_leq(count, 1u);
    cr_assert_not(whole && count > 1);
}

/* --- damaged tables: the inputs of the fuzz target, and what becomes of them when bytes are changed --- */

Test(cfi, damaged_tables_lead_nowhere)
{
    static const char *const names[] = {"plain", "remember", "expression", "more", "signal"};
    uint64_t random = 1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[4096];
        uint8_t seed[512], damaged[512];
        snprintf(path, sizeof path, "%s/%s", FUZZ_CORPUS, names[i]);
        FILE *file = fopen(path, "re");
        cr_assert(file != NULL, "%s", path);
        size_t size = fread(seed, 1, sizeof seed, file);
        fclose(file);
        for (int round = 0; round < 4000; round++) {
            memcpy(damaged, seed, size);
            for (uint64_t changes = round ? 1 + random % 4 : 0; changes > 0; changes--) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                damaged[(random >> 33) % size] = (uint8_t)(random >> 24);
            }
            LLVMFuzzerTestOneInput(damaged, round % 3 ? size : size - random % size / 2);
        }
    }
}
