/* span_check: wrong frees that the fast path accepts are noticed later; right frees are not reported. */
#include <criterion/criterion.h>
#include <sys/mman.h>

#include "runtime/debug/span_check.h"
#include "tests/unit/support.h"

static int said; /* a file, in place of stderr */

/* Before the first call into the heap, which reads the environment. */
static void go_on_after_reports(void)
{
    setenv("WEIR_DEBUG", "onerror=warn", 1);
    said = memfd_create("stderr", MFD_CLOEXEC);
    cr_assert_geq(dup2(said, STDERR_FILENO), 0);
}

static size_t reports_of(const char *what)
{
    char text[4096];
    ssize_t length = pread(said, text, sizeof text - 1, 0);
    size_t count = 0;
    cr_assert_geq(length, 0);
    text[length] = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

static const span_t *span_at(const void *p)
{
    return span_of_slot(region_slot(p));
}

/* Only one cell of the span is in use, so each wrong free causes the span's event. */
Test(span_check, what_was_never_handed_out_is_not_freed)
{
    go_on_after_reports();
    char *p = heap_malloc(KIB(6));
    const span_t *span = span_at(p);
    cr_assert_eq(span->initialized, 1);
    for (size_t i = 1; i < 5; i++)
        heap_free(p + i * span->cell_size);
    cr_expect_eq(span_used(span), 1);
    cr_expect_null(span->free);
    verify_own();
    heap_free(p);
    verify_own();
    cr_expect_eq(reports_of("unallocated address at"), 4);
}

/* No span event happens here; the check at the end of the process finds the wrong frees. */
Test(span_check, the_end_looks_at_all_lists)
{
    go_on_after_reports();
    char *p = heap_malloc(100), *full[SLOT_SIZE / 4096];
    for (size_t i = 0; i < COUNT(full); i++)
        full[i] = heap_malloc(4096);
    span_check_freed(cache.heap);
    cr_expect_eq(reports_of("weir: "), 0);
    heap_free(p + (SLOT_SIZE / 2 / span_at(p)->cell_size) * span_at(p)->cell_size);
    span_check_freed(cache.heap);
    cr_expect_eq(reports_of("unallocated address at"), 1);
    heap_free(full[0] + 16);
    span_check_freed(cache.heap);
    cr_expect_eq(reports_of("interior address at"), 1);
}

/* Correct allocations and frees in any order are never reported. */
Test(span_check, right_frees_pass)
{
    enum { BLOCKS = 512, STEPS = 300000 };
    static void *blocks[BLOCKS];
    uint64_t random = 1;
    for (int i = 0; i < STEPS; i++) {
        void **block = &blocks[random_next(&random) % BLOCKS];
        heap_free(*block);
        *block = heap_malloc(random_next(&random) % (random_next(&random) % 4 ? 200 : SMALL_MAX) + 1);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        heap_free(blocks[i]);
    verify_own();
}
