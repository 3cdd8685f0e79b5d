/* misuse: a program that commits one misuse of the heap, and the table of what has to come of it.
 *
 *     misuse list          one line per case: NAME DEFAULT HARDEN KIND, the outcomes as below
 *     misuse NAME          commit it; prints "survived" and ends with status 0 if nothing stops it
 *
 * misuse.sh runs every case in both modes and compares. A case whose misuse has an effect that the program
 * can see (a block handed out twice, a secret still readable) says so and ends with status 1.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum outcome {
    ANY,     /* nothing is promised in this mode */
    REPORT,  /* one line "weir: KIND of 0x...", then SIGABRT; with onerror=warn the line, and life goes on */
    STOP,    /* the process dies of SIGABRT or SIGSEGV, with a line or without */
    IGNORE,  /* one line, and life goes on: it may be somebody else's memory */
    SURVIVE, /* no line, no harm: there is nothing wrong, or it has no effect */
};

static const char *const outcome_names[] = {"any", "report", "stop", "ignore", "survive"};

/* ---- helpers ---- */

/* The compiler may not know what a pointer points to: it would warn of the misuse, or optimise it away. */
static void *hide(void *p)
{
    __asm__ volatile("" : "+r"(p) : : "memory");
    return p;
}

static char *get(size_t size)
{
    char *p = hide(malloc(size));
    if (p == NULL) {
        puts("no memory");
        exit(1);
    }
    memset(p, 'x', size);
    return hide(p);
}

static void give(void *p)
{
    free(hide(p));
}

/* Keep the heap busy with blocks of this size and others, so that delayed effects show. */
static void churn(size_t size)
{
    enum { ROUNDS = 3000, HELD = 16 };
    size_t sizes[] = {size, 24, 200, 5000};
    void *held[HELD] = {NULL};
    for (int i = 0; i < ROUNDS; i++) {
        free(held[i % HELD]);
        held[i % HELD] = get(size > 1 << 16 && i % 4 == 0 && i > 300 ? 100 : sizes[i % 4]);
    }
    for (int i = 0; i < HELD; i++)
        free(held[i]);
}

static _Noreturn void harmed(const char *how)
{
    puts(how);
    exit(1);
}

static void *in_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    void *result;
    if (pthread_create(&thread, NULL, body, argument) != 0 || pthread_join(thread, &result) != 0)
        harmed("no thread");
    return result;
}

/* ---- freed twice ---- */

static void double_free(size_t size)
{
    char *p = get(size);
    give(p);
    give(p);
}

static void double_free_interleaved(size_t size)
{
    char *p = get(size), *q = get(size);
    give(p);
    give(q);
    give(p);
}

static void double_free_delayed(size_t size)
{
    char *p = get(size), *others[40];
    for (int i = 0; i < 40; i++)
        others[i] = get(size);
    give(p);
    for (int i = 0; i < 40; i++)
        give(others[i]);
    for (int i = 0; i < (size > 1 << 16 ? 50 : 5000); i++)
        give(get(size + 64 + (size_t)i % 7 * 64)); /* other classes: nothing takes p again */
    give(p);
}

static void *free_body(void *p)
{
    give(p);
    return NULL;
}

static void double_free_in_thread(size_t size)
{
    char *p = get(size);
    in_thread(free_body, p);
    give(p);
    churn(size);
}

static void *get_body(void *size)
{
    return get((size_t)(uintptr_t)size);
}

static void double_free_of_dead_thread(size_t size)
{
    char *p = in_thread(get_body, (void *)(uintptr_t)size);
    give(p);
    give(p);
    churn(size);
}

static void realloc_of_freed(size_t size)
{
    char *p = get(size);
    give(p);
    p = realloc(hide(p), size * 3);
    give(p);
}

/* ---- not the start of a block ---- */

static void free_interior(size_t size)
{
    give(get(size) + 16);
}

static void free_interior_deep(size_t size)
{
    give(get(size) + size / 2 / 16 * 16);
}

static void free_unaligned(size_t size)
{
    give(get(size) + 1);
}

static void realloc_interior(size_t size)
{
    char *p = realloc(hide(get(size) + 16), size * 3);
    (void)hide(p);
}

static void free_never_allocated(size_t size)
{
    give(get(size) + size * 7 / 16 * 16 + ((uintptr_t)1 << 33)); /* in the region, never handed out */
}

/* In the block's own slot, behind what was ever handed out of it. */
static void free_not_yet_allocated(size_t size)
{
    char *p = get(size);
    size_t cell = malloc_usable_size(p);
    give(p + (8192 / cell + 1) * cell);
}

static void free_stack(size_t size)
{
    (void)size;
    _Alignas(16) char local[64] = "local";
    give(local);
    (void)hide(local);
}

static void *free_stack_body(void *unused)
{
    free_stack(0);
    return unused;
}

static void free_stack_of_thread(size_t size)
{
    (void)size;
    in_thread(free_stack_body, NULL);
}

static void free_null_plus_1(size_t size)
{
    (void)size;
    give((void *)1);
}

static void free_null_plus_16(size_t size)
{
    (void)size;
    give((void *)16);
}

static void free_far(size_t size)
{
    (void)size;
    give((void *)0x4141414141414140);
}

static void free_unmapped(size_t size)
{
    char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(p, size);
    give(p);
}

static void free_top_of_memory(size_t size)
{
    (void)size;
    give((void *)-16);
}

static void free_static(size_t size)
{
    (void)size;
    static _Alignas(16) char storage[64] = "static";
    give(storage);
    if (strcmp(hide(storage), "static") != 0)
        harmed("static storage was changed");
}

static void free_mapped(size_t size)
{
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 'm', size);
    give(p);
    if (p[0] != 'm' || p[size - 1] != 'm')
        harmed("mapped memory was changed");
}

/* ---- sizes that cannot be ---- */

static void impossible_sizes(size_t size)
{
    (void)size;
    volatile size_t minus_1 = (size_t)-1, large = PTRDIFF_MAX, square = (size_t)1 << 33;
    char *p = get(100);
    if (malloc(minus_1) || malloc(large) || malloc(large + 1) || calloc(square, square) ||
        realloc(p, minus_1) || realloc(p, large) || reallocarray(p, square, square) ||
        aligned_alloc(64, minus_1) || memalign(4096, large))
        harmed("a block of impossible size");
    if (p[0] != 'x' || p[99] != 'x')
        harmed("a refused realloc changed the block");
    give(p);
}

/* ---- out of bounds ---- */

enum { MIB = 1 << 20 };

static void overflow_1mib(size_t size)
{
    char *p = get(size);
    for (size_t i = 0; i < MIB; i++)
        ((volatile char *)p)[size + i] = 'o';
    give(p);
}

static void underflow_1mib(size_t size)
{
    char *p = get(size);
    for (ptrdiff_t i = 1; i <= MIB; i++)
        ((volatile char *)p)[-i] = 'u';
    give(p);
}

static void overflow_by(size_t size, size_t bytes)
{
    char *p = get(size), *neighbour = get(size);
    memset(hide(p + size), 'o', bytes);
    give(p);
    give(neighbour);
}

static void underflow_by(size_t size, size_t bytes)
{
    char *neighbour = get(size), *p = get(size);
    memset(hide(p - bytes), 'u', bytes);
    give(p);
    give(neighbour);
}

static void overflow_1(size_t size)
{
    overflow_by(size, 1);
}

static void overflow_32(size_t size)
{
    overflow_by(size, 32);
}

static void underflow_1(size_t size)
{
    underflow_by(size, 1);
}

static void underflow_32(size_t size)
{
    underflow_by(size, 32);
}

static void overflow_seen_by_realloc(size_t size)
{
    char *p = get(size);
    p[size] = 'o';
    p = realloc(hide(p), size * 4);
    give(p);
}

static void write_to_zero_size(size_t size)
{
    (void)size;
    *(volatile char *)hide(malloc(0)) = 'z';
}

static void read_zero_size(size_t size)
{
    (void)size;
    (void)*(volatile char *)hide(malloc(0));
}

/* ---- after free ---- */

static void write_after_free(size_t size)
{
    char *p = get(size);
    give(p);
    ((volatile char *)hide(p))[size / 2] = 'w';
    churn(size);
}

static void write_after_free_first_word(size_t size)
{
    char *p = get(size);
    give(p);
    *(volatile uintptr_t *)hide(p) = 0x4141414141414141; /* where many heaps keep the next free block */
    churn(size);
}

static void secret_after_free(size_t size)
{
    char *p = get(size);
    give(p);
    for (size_t i = 0; i < size; i++)
        if (((volatile char *)hide(p))[i] == 'x')
            harmed("freed memory still holds what was in it");
}

static void reuse_at_once(size_t size)
{
    for (int i = 0; i < 20; i++) {
        char *p = get(size);
        give(p);
        char *q = get(size);
        if (p == q)
            harmed("a freed block was handed out again at once");
        give(q);
    }
}

static void reuse_of_first(size_t size)
{
    char *p = get(size);
    give(p);
    for (int i = 0; i < 20; i++)
        if (get(size / 20 * (size_t)(i + 1)) == p)
            harmed("a freed block was handed out again at once");
}

static void predictable_order(size_t size)
{
    char *previous = get(size);
    int ascending = 0;
    for (int i = 0; i < 64; i++) {
        char *p = get(size);
        ascending += p > previous && p < previous + 4 * size;
        previous = p;
    }
    if (ascending > 60)
        harmed("blocks lie in the order they were asked for");
}

/* ---- operators; from the library, for this program has no libstdc++ ---- */

typedef void *new_form(size_t size);
typedef void *aligned_new_form(size_t size, size_t alignment);
typedef void delete_form(void *p);
typedef void sized_delete_form(void *p, size_t size);

static void *function(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    if (found == NULL)
        harmed(name);
    return found;
}

static void *new_scalar(size_t size)
{
    return ((new_form *)function("_Znwm"))(size);
}

static void *new_array(size_t size)
{
    return ((new_form *)function("_Znam"))(size);
}

static void delete_scalar(void *p)
{
    ((delete_form *)function("_ZdlPv"))(p);
}

static void delete_array(void *p)
{
    ((delete_form *)function("_ZdaPv"))(p);
}

static void delete_sized(void *p, size_t size)
{
    ((sized_delete_form *)function("_ZdlPvm"))(p, size);
}

static void new_free(size_t size)
{
    give(new_scalar(size));
}

static void new_array_free(size_t size)
{
    give(new_array(size));
}

static void malloc_delete(size_t size)
{
    delete_scalar(get(size));
}

static void malloc_delete_array(size_t size)
{
    delete_array(get(size));
}

static void new_array_delete(size_t size)
{
    delete_scalar(new_array(size));
}

static void new_delete_array(size_t size)
{
    delete_array(new_scalar(size));
}

static void new_realloc(size_t size)
{
    give(realloc(new_scalar(size), size * 3));
}

static void sized_delete_larger(size_t size)
{
    delete_sized(new_scalar(size), size * 4);
}

static void sized_delete_smaller(size_t size)
{
    delete_sized(new_scalar(size), size / 4);
}

static void double_delete(size_t size)
{
    void *p = new_scalar(size);
    delete_scalar(p);
    delete_scalar(p);
}

static void matching_operators(size_t size)
{
    delete_scalar(new_scalar(size));
    delete_array(new_array(size));
    delete_sized(new_scalar(size), size);
    void *aligned = ((aligned_new_form *)function("_ZnwmSt11align_val_t"))(size, 256);
    ((sized_delete_form *)function("_ZdlPvSt11align_val_t"))(aligned, 256);
    delete_scalar(NULL);
    void (*sized)(void *, size_t) = (void (*)(void *, size_t))function("free_sized");
    sized(get(size), size);
    churn(size);
}

/* ---- the table ---- */

/* The sizes that names of cases end with. Small and medium blocks share slots; large and huge ones do not. */
#define SMALL 48
#define MEDIUM 6000
#define LARGE 300000
#define HUGE ((size_t)5 << 20)

#define EACH_SIZE(name, ...)                                                                                 \
    {name "-small", SMALL, __VA_ARGS__}, {name "-medium", MEDIUM, __VA_ARGS__},                              \
        {name "-large", LARGE, __VA_ARGS__},                                                                 \
    {                                                                                                        \
        name "-huge", HUGE, __VA_ARGS__                                                                      \
    }
#define SHARED_SLOTS(name, ...)                                                                              \
    {name "-small", SMALL, __VA_ARGS__},                                                                     \
    {                                                                                                        \
        name "-medium", MEDIUM, __VA_ARGS__                                                                  \
    }

/* clang-format off */
static const struct misuse {
    const char *name;
    size_t size;
    void (*commit)(size_t size);
    enum outcome plain, harden;
    const char *kind; /* of the report, an extended regular expression */
} misuses[] = {
    EACH_SIZE("double-free", double_free, REPORT, REPORT, "double free"),
    EACH_SIZE("double-free-interleaved", double_free_interleaved, REPORT, REPORT, "double free"),
    EACH_SIZE("double-free-delayed", double_free_delayed, REPORT, REPORT, "double free"),
    EACH_SIZE("double-free-in-thread", double_free_in_thread, ANY, REPORT, "double free"),
    EACH_SIZE("double-free-of-dead-thread", double_free_of_dead_thread, REPORT, REPORT, "double free"),
    EACH_SIZE("realloc-of-freed", realloc_of_freed, ANY, REPORT, "[a-z ]+"),
    {"double-delete", SMALL, double_delete, REPORT, REPORT, "double free"},

    EACH_SIZE("free-interior", free_interior, REPORT, REPORT, "[a-z ]+"),
    EACH_SIZE("free-interior-deep", free_interior_deep, REPORT, REPORT, "[a-z ]+"),
    EACH_SIZE("free-unaligned", free_unaligned, REPORT, REPORT, "[a-z ]+"),
    EACH_SIZE("realloc-interior", realloc_interior, ANY, REPORT, "[a-z ]+"),
    {"free-never-allocated", SMALL, free_never_allocated, REPORT, REPORT, "[a-z ]+"},
    SHARED_SLOTS("free-not-yet-allocated", free_not_yet_allocated, REPORT, REPORT, "[a-z ]+"),
    {"free-stack", 0, free_stack, REPORT, REPORT, "[a-z ]+"},
    {"free-stack-of-thread", 0, free_stack_of_thread, REPORT, REPORT, "[a-z ]+"},
    {"free-null-plus-1", 0, free_null_plus_1, REPORT, REPORT, "[a-z ]+"},
    {"free-null-plus-16", 0, free_null_plus_16, REPORT, REPORT, "[a-z ]+"},
    {"free-far", 0, free_far, REPORT, REPORT, "[a-z ]+"},
    {"free-unmapped", LARGE, free_unmapped, REPORT, REPORT, "[a-z ]+"},
    {"free-top-of-memory", 0, free_top_of_memory, REPORT, REPORT, "[a-z ]+"},
    {"free-static", 0, free_static, IGNORE, IGNORE, "[a-z ]+"},
    {"free-mapped", LARGE, free_mapped, IGNORE, IGNORE, "[a-z ]+"},

    {"impossible-sizes", 0, impossible_sizes, SURVIVE, SURVIVE, "-"},

    SHARED_SLOTS("overflow-1mib", overflow_1mib, STOP, STOP, "[a-z ]+"),
    {"overflow-1mib-large", LARGE, overflow_1mib, STOP, STOP, "[a-z ]+"},
    {"overflow-1mib-huge", HUGE, overflow_1mib, ANY, STOP, "[a-z ]+"},
    EACH_SIZE("underflow-1mib", underflow_1mib, STOP, STOP, "[a-z ]+"),
    EACH_SIZE("overflow-1", overflow_1, ANY, REPORT, "overflow"),
    EACH_SIZE("overflow-32", overflow_32, ANY, STOP, "overflow"),
    EACH_SIZE("overflow-seen-by-realloc", overflow_seen_by_realloc, ANY, REPORT, "overflow"),
    EACH_SIZE("underflow-1", underflow_1, ANY, STOP, "underflow"),
    EACH_SIZE("underflow-32", underflow_32, ANY, STOP, "underflow"),
    {"write-to-zero-size", 0, write_to_zero_size, STOP, STOP, "-"},
    {"read-zero-size", 0, read_zero_size, STOP, STOP, "-"},

    {"write-after-free-small", SMALL, write_after_free, ANY, REPORT, "write after free"},
    {"write-after-free-first-word-small", SMALL, write_after_free_first_word, ANY, REPORT, "write after free"},
    /* A page or more is inaccessible after free. */
    {"write-after-free-medium", MEDIUM, write_after_free, ANY, STOP, "-"},
    {"write-after-free-first-word-medium", MEDIUM, write_after_free_first_word, ANY, STOP, "-"},
    /* In the default build too, a thread's first freed blocks in slots of their own are inaccessible. */
    {"write-after-free-large", LARGE, write_after_free, STOP, STOP, "-"},
    {"secret-after-free-large", LARGE, secret_after_free, STOP, STOP, "-"},
    {"reuse-of-first-large", LARGE, reuse_of_first, SURVIVE, SURVIVE, "-"},
    {"secret-after-free-small", SMALL, secret_after_free, ANY, SURVIVE, "-"},
    {"secret-after-free-medium", MEDIUM, secret_after_free, ANY, STOP, "-"},
    SHARED_SLOTS("reuse-at-once", reuse_at_once, ANY, SURVIVE, "-"),
    {"predictable-order", SMALL, predictable_order, ANY, SURVIVE, "-"},

    SHARED_SLOTS("new-free", new_free, ANY, REPORT, "mismatch"),
    SHARED_SLOTS("new-array-free", new_array_free, ANY, REPORT, "mismatch"),
    SHARED_SLOTS("malloc-delete", malloc_delete, ANY, REPORT, "mismatch"),
    SHARED_SLOTS("malloc-delete-array", malloc_delete_array, ANY, REPORT, "mismatch"),
    SHARED_SLOTS("new-array-delete", new_array_delete, ANY, REPORT, "mismatch"),
    SHARED_SLOTS("new-delete-array", new_delete_array, ANY, REPORT, "mismatch"),
    SHARED_SLOTS("new-realloc", new_realloc, ANY, REPORT, "mismatch"),
    SHARED_SLOTS("sized-delete-larger", sized_delete_larger, REPORT, REPORT, "mismatch"),
    SHARED_SLOTS("sized-delete-smaller", sized_delete_smaller, ANY, REPORT, "mismatch"),
    EACH_SIZE("matching-operators", matching_operators, SURVIVE, SURVIVE, "-"),
};
/* clang-format on */
enum { MISUSES = sizeof misuses / sizeof misuses[0] };

static void list(void)
{
    for (int i = 0; i < MISUSES; i++)
        printf("%s %s %s %s\n", misuses[i].name, outcome_names[misuses[i].plain],
               outcome_names[misuses[i].harden], misuses[i].kind);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        list();
        return 0;
    }
    for (int i = 0; i < MISUSES; i++)
        if (argc == 2 && strcmp(argv[1], misuses[i].name) == 0) {
            misuses[i].commit(misuses[i].size);
            puts("survived");
            return 0;
        }
    fputs("usage: misuse list|NAME\n", stderr);
    return 2;
}
