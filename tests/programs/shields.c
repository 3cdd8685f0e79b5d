/* Pages of malloc's memory that the program protects itself: shields MODE.
 *
 *     keeps ACCESS   blocks that only a protected page knows; ACCESS: none, read, guard. guard: the other
 *                    pages know them, since the protected one has lost what it had
 *     flips          two threads protect pages and allow access again, while a third makes garbage
 *     pairs          two threads protect pages of one block, while a third makes garbage
 *     frees ACCESS   blocks are freed as they are, and their addresses used again
 *     resizes        realloc of a block with an unreadable page, to more and to less
 *     forks          children use, resize and free blocks that they did not get (MADV_DONTFORK), and collect
 *     maps           guards in a mapping of the program's (MADV_GUARD_INSTALL), beside blocks that only the
 *                    mapping knows
 *
 * guard and maps need Linux 6.13; before that nothing is tested.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "check.h"

enum { PAGE = 4096, COUNT = 100, SIZE = 1000, INSTALL = 102, REMOVE = 103 };
static const size_t sizes[] = {2 * PAGE, 16 * PAGE, 64 * PAGE, 1024 * PAGE};

static atomic_int over;

__attribute__((noinline)) static void make_garbage(void)
{
    for (int i = 0; i < 60000; i++)
        memset(hide(malloc(SIZE)), 0xee, SIZE);
}

static char *page_aligned(size_t size)
{
    void *p;
    CHECK(posix_memalign(&p, PAGE, size) == 0);
    return p;
}

static void protect(char *page, const char *access)
{
    if (strcmp(access, "guard") == 0)
        CHECK(madvise(page, PAGE, INSTALL) == 0);
    else
        CHECK(mprotect(page, PAGE, strcmp(access, "none") == 0 ? PROT_NONE : PROT_READ) == 0);
}

static void allow(char *page, const char *access)
{
    if (strcmp(access, "guard") == 0)
        CHECK(madvise(page, PAGE, REMOVE) == 0);
    else
        CHECK(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
}

/* The pointers lie in the first page; under a guard, in the second. */
__attribute__((noinline)) static char **table_in(char *block, const char *access)
{
    return (char **)(void *)(block + (strcmp(access, "guard") == 0 ? PAGE : 0));
}

__attribute__((noinline)) static char *new_stack(size_t size, const char *access)
{
    char *block = page_aligned(size), **table = table_in(block, access);
    for (int i = 0; i < COUNT; i++)
        fill(table[i] = malloc(SIZE), SIZE);
    protect(block, access);
    return block;
}

static void keeps(const char *access)
{
    static char *stacks[4];
    for (int i = 0; i < 4; i++)
        stacks[i] = new_stack(sizes[i], access);
    make_garbage();
    for (int i = 0; i < 4; i++) {
        allow(stacks[i], access);
        for (int k = 0; k < COUNT; k++)
            CHECK(is_filled(table_in(stacks[i], access)[k], SIZE));
        free(stacks[i]);
    }
}

/* --- */

static void *flip_until_over(void *unused)
{
    (void)unused;
    char *stacks[4];
    for (int i = 0; i < 4; i++)
        stacks[i] = new_stack(sizes[i], "none");
    for (unsigned round = 0; !over; round++) {
        char *stack = stacks[round % 4], **table = table_in(stack, "none");
        allow(stack, "none");
        CHECK(is_filled(table[round % COUNT], SIZE));
        fill(table[round % COUNT] = malloc(SIZE), SIZE);
        protect(stack, "none");
        if (round % 64 == 63) {
            free(stack);
            stacks[round % 4] = new_stack(sizes[round % 4], "none");
        }
    }
    return NULL;
}

static void flips(const char *unused)
{
    (void)unused;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, flip_until_over, NULL) == 0);
    for (int i = 0; i < 10; i++)
        make_garbage();
    over = 1;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static char *shared;

static void *flip_page(void *page)
{
    for (int round = 0; round < 20; round++) {
        allow(page, "none");
        protect(page, "none");
        sleep_ms(1);
    }
    return NULL;
}

static void *make_garbage_until_over(void *unused)
{
    (void)unused;
    while (!over)
        make_garbage();
    return NULL;
}

static void pairs(const char *unused)
{
    (void)unused;
    pthread_t garbage, first, second;
    CHECK(pthread_create(&garbage, NULL, make_garbage_until_over, NULL) == 0);
    for (int round = 0; round < 20; round++) {
        shared = page_aligned(sizes[2]);
        CHECK(pthread_create(&first, NULL, flip_page, shared) == 0);
        CHECK(pthread_create(&second, NULL, flip_page, shared + PAGE) == 0);
        CHECK(pthread_join(first, NULL) == 0 && pthread_join(second, NULL) == 0);
        free(shared);
    }
    over = 1;
    CHECK(pthread_join(garbage, NULL) == 0);
}

/* --- */

/* Of the first size the C library's own malloc does not survive this. */
static void frees(const char *access)
{
    for (int i = 1; i < 4; i++) {
        char *blocks[COUNT];
        for (int k = 0; k < COUNT; k++)
            protect(blocks[k] = page_aligned(sizes[i]), access);
        for (int k = 0; k < COUNT; k++)
            free(blocks[k]);
        for (int k = 0; k < COUNT; k++)
            memset(blocks[k] = page_aligned(sizes[i]), 1, sizes[i]);
        for (int k = 0; k < COUNT; k++)
            free(blocks[k]);
    }
}

static void resizes(const char *unused)
{
    (void)unused;
    for (int i = 1; i < 4; i++)
        for (size_t to = sizes[i] / 4; to <= sizes[i] * 4; to *= 4) {
            char *block = new_stack(sizes[i], "none");
            block = realloc(block, to);
            CHECK(block);
            make_garbage();
            for (int k = 0; k < COUNT; k++)
                CHECK(is_filled(table_in(block, "none")[k], SIZE));
            free(block);
        }
}

static void expect_success(pid_t child)
{
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

/* Does a child of fork have the block as it is? */
static void expect_whole_in_child(char *block, size_t size)
{
    fill(block, size);
    pid_t child = fork();
    if (child == 0)
        _exit(!is_filled(block, size));
    expect_success(child);
}

static void be_child(char **blocks)
{
    make_garbage();
    for (int i = 1; i < 4; i++)
        free(blocks[i]);
    for (int i = 1; i < 4; i++)
        memset(page_aligned(sizes[i]), 1, sizes[i]);
    make_garbage();
    _exit(0);
}

/* What the program asked for one block says nothing of the next at its address. */
static void be_wiped(void)
{
    for (int i = 1; i < 4; i++) {
        char *block = page_aligned(sizes[i]);
        CHECK(madvise(block, sizes[i], MADV_WIPEONFORK) == 0);
        free(block);
        block = page_aligned(sizes[i]);
        expect_whole_in_child(block, sizes[i]);
        free(block);
    }
}

static void forks(const char *unused)
{
    (void)unused;
    be_wiped();
    for (int round = 0; round < 3; round++) {
        char *blocks[4];
        for (int i = 1; i < 4; i++)
            CHECK(madvise(blocks[i] = page_aligned(sizes[i]), sizes[i], MADV_DONTFORK) == 0);
        pid_t child = fork();
        if (child == 0)
            be_child(blocks);
        expect_success(child);
        for (int i = 1; i < 4; i++)
            free(blocks[i]);
    }
    expect_whole_in_child(page_aligned(sizes[3]), sizes[3]);
}

static void maps(const char *unused)
{
    (void)unused;
    enum { PAGES = 64 };
    char *map = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    for (int i = 0; i < PAGES; i++)
        memset(map + i * PAGE, 0, PAGE);
    for (int i = 0; i < PAGES; i++) {
        if (i % 4)
            fill(*(char **)(void *)(map + i * PAGE + 8) = malloc(SIZE), SIZE);
        else
            protect(map + i * PAGE, "guard");
    }
    CHECK(mprotect(map + PAGES / 2 * PAGE, PAGES / 2 * PAGE, PROT_NONE) == 0);
    make_garbage();
    CHECK(mprotect(map + PAGES / 2 * PAGE, PAGES / 2 * PAGE, PROT_READ | PROT_WRITE) == 0);
    for (int i = 0; i < PAGES; i++)
        CHECK(i % 4 == 0 || is_filled(*(char **)(void *)(map + i * PAGE + 8), SIZE));
}

static int knows_guards(void)
{
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page != MAP_FAILED && madvise(page, PAGE, INSTALL) == 0;
}

static const struct {
    const char *name;
    void (*run)(const char *access);
} modes[] = {
    {"keeps", keeps},     {"flips", flips}, {"pairs", pairs}, {"frees", frees},
    {"resizes", resizes}, {"forks", forks}, {"maps", maps},
};

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "", *access = argc > 2 ? argv[2] : "none";
    if ((strcmp(access, "guard") == 0 || strcmp(mode, "maps") == 0) && !knows_guards())
        return 0;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(mode, modes[i].name) == 0) {
            modes[i].run(access);
            return 0;
        }
    CHECK(!"no such mode");
}
