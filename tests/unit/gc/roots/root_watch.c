/* root_watch: against a model that knows for each word whether it was visited and has to be. */
#include <criterion/criterion.h>
#include <sys/mman.h>

#include "runtime/base/range.h"
#include "runtime/gc/roots/root_watch.h"
#include "runtime/os/os.h"
#include "runtime/process/dirty.h"
#include "tests/unit/support.h"

enum { PAGES = 1500, PAGE_WORDS = OS_PAGE / sizeof(uintptr_t), WORDS = PAGES * PAGE_WORDS, MOST = 8 };

static uintptr_t *memory;
static uint8_t visits[WORDS];
static bool written[PAGES], said[PAGES];
static uint64_t state = 5;

static void begin(void)
{
    memory = mmap(NULL, PAGES * OS_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!dirty_is_supported())
        cr_skip_test("this kernel cannot tell what was written (older than 6.7)");
}

static range_t random_range(void)
{
    size_t first = random_below(&state, WORDS), count = random_below(&state, WORDS / 2);
    count = count < WORDS - first ? count : WORDS - first;
    return (range_t){(uintptr_t)(memory + first), (uintptr_t)(memory + first + count)};
}

static bool overlap(range_t a, range_t b)
{
    return a.from < b.to && b.from < a.to;
}

static size_t page_of(uintptr_t address)
{
    return (address - (uintptr_t)memory) / OS_PAGE;
}

static range_t taken;

static bool is_taken(uintptr_t from, uintptr_t to)
{
    return overlap(taken, (range_t){from, to});
}

static bool none_is_taken(uintptr_t from, uintptr_t to)
{
    (void)from, (void)to;
    return false;
}

static void note_visit(uintptr_t from, uintptr_t to)
{
    for (uintptr_t *word = (uintptr_t *)from; word < (uintptr_t *)to; word++)
        visits[word - memory]++;
}

static void note_written(void *context, uintptr_t from, uintptr_t to)
{
    (void)context;
    for (; from < to; from += OS_PAGE)
        said[page_of(from)] = true;
}

static void write_some(void)
{
    for (size_t i = random_below(&state, 40); i > 0; i--) {
        size_t word = random_below(&state, WORDS);
        memory[word]++;
        written[word / PAGE_WORDS] = true;
    }
}

/* The whole pages of a range that is large enough. */
static range_t watched_part(range_t range)
{
    range.from = (range.from + OS_PAGE - 1) & ~(uintptr_t)(OS_PAGE - 1);
    range.to &= ~(uintptr_t)(OS_PAGE - 1);
    return range.from < range.to && range.to - range.from >= ROOT_WATCH_MIN ? range : (range_t){0, 0};
}

static bool is_in(const range_t *ranges, size_t count, uintptr_t page)
{
    for (size_t i = 0; i < count; i++)
        if (page >= ranges[i].from && page < ranges[i].to)
            return true;
    return false;
}

static void check_each(const range_t *ranges, size_t count, bool all_are_watched)
{
    range_t root = random_range();
    memset(visits, 0, sizeof visits);
    root_watch_each(root.from, root.to, note_visit);
    for (size_t i = 0; i < WORDS; i++) {
        uintptr_t at = (uintptr_t)(memory + i);
        bool is_root = at >= root.from && at < root.to;
        bool clean = is_in(ranges, count, at & ~(uintptr_t)(OS_PAGE - 1)) && !written[i / PAGE_WORDS];
        CHECK(visits[i] <= is_root);
        CHECK(clean || visits[i] == is_root, "word %zu", i);
        CHECK(!(clean && all_are_watched) || visits[i] == 0, "word %zu", i);
    }
}

static void ask(const range_t *ranges, size_t count, bool all_are_watched)
{
    memset(said, 0, sizeof said);
    root_watch_ask(note_written);
    for (size_t i = 0; i < PAGES; i++) {
        bool is_watched = is_in(ranges, count, (uintptr_t)memory + i * OS_PAGE);
        CHECK(!said[i] || (written[i] && is_watched));
        CHECK(said[i] || !(written[i] && is_watched && all_are_watched));
        written[i] &= !said[i];
    }
}

Test(root_watch, every_word_that_was_written_is_visited, .init = begin)
{
    for (int round = 0; round < (SANITIZED ? 20 : 200); round++) {
        range_t ranges[MOST];
        bool is_plain = round % 2, has_lost = round % 4 == 2;
        cr_assert(root_watch_begin());
        for (size_t i = 0; i < MOST; i++) {
            range_t range = random_range();
            root_watch_note(range.from, range.to, random_below(&state, 2));
            ranges[i] = watched_part(range);
        }
        taken = random_range();
        write_some();
        memset(written, 0, sizeof written);
        root_watch_protect(is_plain ? none_is_taken : is_taken);
        for (int i = 0; i < 3; i++) {
            write_some();
            check_each(ranges, MOST, is_plain);
            ask(ranges, MOST, is_plain);
        }
        if (has_lost)
            root_watch_lose(taken.from, taken.to);
        write_some();
        check_each(ranges, MOST, is_plain);
        root_watch_end();
    }
}

Test(root_watch, without_a_trace_everything_is_visited, .init = begin)
{
    check_each(NULL, 0, true);
    cr_assert(root_watch_begin());
    root_watch_note((uintptr_t)memory, (uintptr_t)(memory + WORDS), true);
    root_watch_protect(none_is_taken);
    root_watch_lose(0, UINTPTR_MAX);
    check_each(NULL, 0, true);
    root_watch_end();
    check_each(NULL, 0, true);
}

/* Not watched: shared memory, and what lies beside a hole. */
Test(root_watch, only_private_memory_is_watched, .init = begin)
{
    char *start = (char *)memory;
    const int flags = MAP_FIXED | MAP_SHARED | MAP_ANONYMOUS;
    mmap(start + 500 * OS_PAGE, OS_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    munmap(start + 1100 * OS_PAGE, OS_PAGE);
    cr_assert(root_watch_begin());
    for (int i = 0; i < 3; i++)
        root_watch_note((uintptr_t)start + (size_t)i * 500 * OS_PAGE,
                        (uintptr_t)start + (size_t)(i + 1) * 500 * OS_PAGE, false);
    root_watch_protect(none_is_taken);
    for (int i = 0; i < 3; i++) {
        uintptr_t from = (uintptr_t)start + (size_t)i * 500 * OS_PAGE;
        memset(visits, 0, sizeof visits);
        root_watch_each(from, from + 500 * OS_PAGE, note_visit);
        size_t count = 0;
        for (size_t j = 0; j < WORDS; j++)
            count += visits[j];
        cr_expect_eq(count, i == 0 ? 0 : 500 * PAGE_WORDS, "range %d: %zu", i, count);
    }
    root_watch_end();
}
