/* Blocks that only one place knows, and that a collector has to find there: places MODE. In each mode a table
 * of blocks is the only one that knows them; it lies where a collector may think that nothing counts.
 *
 *     bss, map, thread, guard   below a stack in use, in the same mapping: of static data; of mmap; of mmap,
 *                               with the stack used by another thread; of mmap, divided after the table
 *                               was written
 *     array                     in the static data that a handler's alternate stack lies in, while another
 *                               thread collects
 *     pair                      on the first of two coroutines' stacks without a guard page between them
 *     above                     above a guard page, where the stack of an ended thread may lie
 *     given                     below a stack that the program gave to a thread, in the same array
 *     read, none, exec          in pages that were made read-only, inaccessible, executable
 *     code                      in instructions, at odd addresses
 *     relro                     in static data that is read-only by now
 *     registers                 in vector registers, and in the red zone, of a thread that waits for nothing
 *     arguments                 in place of the program's first argument, and of a variable of the
 *                               environment
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "check.h"

enum { COUNT = 300, SIZE = 1000, STACK = 128 * 1024, PAGE = 4096 };

static struct {
    char *table[COUNT];
    char stack[STACK];
} area __attribute__((aligned(4096)));

static char **table; /* the place; nothing else knows the blocks */
static ucontext_t here, there, first;
static atomic_bool over;

__attribute__((noinline)) static void make_garbage(void)
{
    for (int i = 0; i < 60000; i++)
        memset(hide(malloc(SIZE)), 0xee, SIZE);
}

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

__attribute__((noinline)) static void fill_table(char **at)
{
    table = at;
    for (int i = 0; i < COUNT; i++) {
        at[i] = malloc(SIZE);
        memset(at[i], i & 0x7f, SIZE);
    }
}

__attribute__((noinline)) static void clear_stack(void)
{
    volatile char below[16384];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

static void check_table(void)
{
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < SIZE; k++)
            CHECK(table[i][k] == (i & 0x7f));
}

static void collect_on(char *stack)
{
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = STACK;
    there.uc_link = &here;
    makecontext(&there, make_garbage, 0);
    swapcontext(&here, &there);
}

static void *collect_on_thread(void *stack)
{
    collect_on(stack);
    return NULL;
}

static void *collect_here(void *argument)
{
    make_garbage();
    over = true;
    return argument;
}

static void start_and_join(void *(*function)(void *), void *argument, const pthread_attr_t *attributes)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, attributes, function, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* --- below stacks --- */

static void in_mapping(bool in_thread, bool divide)
{
    char *low = map(2 * STACK);
    fill_table((char **)low);
    if (divide)
        CHECK(mprotect(low + STACK - PAGE, PAGE, PROT_NONE) == 0);
    clear_stack();
    if (in_thread)
        start_and_join(collect_on_thread, low + STACK, NULL);
    else
        collect_on(low + STACK);
}

static void wait_until_over(int number)
{
    (void)number;
    while (!over)
        ;
}

static void under_alternate_stack(void)
{
    pthread_t thread;
    struct sigaction action = {.sa_handler = wait_until_over, .sa_flags = SA_ONSTACK};
    fill_table(area.table);
    CHECK(sigaltstack(&(stack_t){.ss_sp = area.stack, .ss_size = STACK}, NULL) == 0);
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&thread, NULL, collect_here, NULL);
    raise(SIGUSR1);
    pthread_join(thread, NULL);
}

static void hold_on_stack(void)
{
    char *own[COUNT];
    fill_table(own);
    swapcontext(&first, &here);
    check_table();
}

static void beside_another_stack(void)
{
    char *low = map(2 * STACK);
    getcontext(&first);
    first.uc_stack.ss_sp = low;
    first.uc_stack.ss_size = STACK;
    first.uc_link = &here;
    makecontext(&first, hold_on_stack, 0);
    swapcontext(&here, &first);
    collect_on(low + STACK);
    swapcontext(&here, &first);
}

static void below_a_given_stack(void)
{
    pthread_attr_t attributes;
    fill_table(area.table);
    clear_stack();
    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstack(&attributes, area.stack, STACK) == 0);
    start_and_join(collect_here, NULL, &attributes);
}

/* --- in pages --- */

static void in_pages(int access)
{
    char *pages = map(PAGE);
    fill_table((char **)pages);
    clear_stack();
    CHECK(mprotect(pages, PAGE, access) == 0);
    make_garbage();
    CHECK(mprotect(pages, PAGE, PROT_READ) == 0);
}

static void above_a_guard(void)
{
    char *pages = map(2 * PAGE);
    fill_table((char **)(pages + PAGE));
    clear_stack();
    CHECK(mprotect(pages, PAGE, PROT_NONE) == 0);
    make_garbage();
}

/* An instruction's code, and the address: mov $address, %rax. */
static void in_code(void)
{
    enum { LENGTH = 10, CODE = 2 };
    char *pages = map(PAGE), *at = pages + 1;
    char **list = malloc(COUNT * sizeof *list);
    fill_table(list);
    for (int i = 0; i < COUNT; i++, at += LENGTH) {
        memcpy(at, "\x48\xb8", CODE);
        memcpy(at + CODE, &list[i], sizeof list[i]);
    }
    memset(list, 0, COUNT * sizeof *list);
    clear_stack();
    CHECK(mprotect(pages, PAGE, PROT_READ | PROT_EXEC) == 0);
    make_garbage();
    for (int i = 0; i < COUNT; i++)
        memcpy(&list[i], pages + 1 + i * LENGTH + CODE, sizeof list[i]);
}

/* --- in registers --- */

static atomic_bool ready;

/* A block that only the upper half of a vector register knows; another one that only a word below the stack
 * pointer knows. */
#ifdef __x86_64__
__attribute__((noinline)) static void *keep_in_registers(void *argument)
{
    uint64_t *in_vector = hide(malloc(SIZE)), *in_zone = hide(malloc(SIZE));
    in_vector[1] = 1234;
    in_zone[1] = 5678;
    __asm__ volatile("movq %[vector], %%xmm9\n\t"
                     "pslldq $8, %%xmm9\n\t"
                     "movq %[zone], -16(%%rsp)\n\t"
                     "xor %[vector], %[vector]\n\t"
                     "xor %[zone], %[zone]\n\t"
                     "movb $1, %[ready]\n"
                     "1:\tcmpb $0, %[over]\n\t"
                     "je 1b\n\t"
                     "psrldq $8, %%xmm9\n\t"
                     "movq %%xmm9, %[vector]\n\t"
                     "movq -16(%%rsp), %[zone]"
                     : [vector] "+r"(in_vector), [zone] "+r"(in_zone), [ready] "=m"(ready)
                     : [over] "m"(over)
                     : "xmm9", "memory");
    CHECK(in_vector[1] == 1234 && in_zone[1] == 5678);
    return argument;
}
#else
static void *keep_in_registers(void *argument)
{
    ready = true;
    return argument;
}
#endif

static void in_registers(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, keep_in_registers, NULL);
    while (!ready)
        ;
    make_garbage();
    over = true;
    pthread_join(thread, NULL);
}

extern char **environ;
static void in_arguments(char **arguments)
{
    char **of_argument = &arguments[1], **of_variable = environ;
    *of_argument = strdup("an argument that was made later");
    *of_variable = strdup("A=variable that was made later");
    clear_stack();
    make_garbage();
    CHECK(strcmp(*of_argument, "an argument that was made later") == 0);
    CHECK(strcmp(*of_variable, "A=variable that was made later") == 0);
}

static char *read_only[PAGE / sizeof(char *)] __attribute__((aligned(4096)));

int main(int count, char **arguments)
{
    const char *mode = count > 1 ? arguments[1] : "";
#define MODE(name) (strcmp(mode, name) == 0)
    if (MODE("bss")) {
        fill_table(area.table);
        collect_on(area.stack);
    } else if (MODE("map") || MODE("thread") || MODE("guard")) {
        in_mapping(MODE("thread"), MODE("guard"));
    } else if (MODE("array")) {
        under_alternate_stack();
    } else if (MODE("pair")) {
        beside_another_stack();
        return 0;
    } else if (MODE("given")) {
        below_a_given_stack();
    } else if (MODE("read") || MODE("none") || MODE("exec")) {
        in_pages(MODE("read") ? PROT_READ : MODE("none") ? PROT_NONE : PROT_READ | PROT_EXEC);
    } else if (MODE("above")) {
        above_a_guard();
    } else if (MODE("code")) {
        in_code();
    } else if (MODE("relro")) {
        fill_table(read_only);
        clear_stack();
        CHECK(mprotect(read_only, sizeof read_only, PROT_READ) == 0);
        make_garbage();
    } else if (MODE("registers")) {
        in_registers();
        return 0;
    } else if (MODE("arguments")) {
        in_arguments(arguments);
        return 0;
    } else {
        CHECK(!"no such mode");
    }
    check_table();
    return 0;
}
