/* The malloc family against its manual pages: sizes x alignments x entry points, and every corner they name.
 * What glibc 2.36 leaves open is asked for in the form that both it and weir promise. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* mallinfo */
#pragma GCC diagnostic ignored "-Walloc-size-larger-than=" /* on purpose */

/* Not in this C library's headers. */
void cfree(void *p) __attribute__((weak));
void free_sized(void *p, size_t size) __attribute__((weak));
void free_aligned_sized(void *p, size_t alignment, size_t size) __attribute__((weak));

static const size_t sizes[] = {0,     1,     7,     8,     15,     16,     17,      24,      32,
                               48,    63,    64,    65,    100,    127,    128,     255,     256,
                               500,   1000,  1024,  1025,  2000,   4095,   4096,    4097,    10000,
                               32768, 65535, 65536, 65537, 100000, 262144, 1000000, 2097152, 5000000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static const size_t impossible[] = {PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096, SIZE_MAX - 15,
                                    SIZE_MAX};
enum { IMPOSSIBLE = sizeof impossible / sizeof impossible[0] };

static int is_aligned(const void *p, size_t alignment)
{
    return ((uintptr_t)p & (alignment - 1)) == 0;
}

/* A good block: aligned, as large as it says, all of it writable. */
static void check_block(void *p, size_t size, size_t alignment)
{
    CHECK(p != NULL);
    CHECK(is_aligned(p, alignment));
    CHECK(size == 0 || malloc_usable_size(p) >= size);
    if (size > 0) {
        size_t usable = malloc_usable_size(p);
        fill(p, usable);
        CHECK(is_filled(p, usable));
    }
}

/* C asks for the alignment of whatever fits into the block. */
static size_t natural_alignment(size_t size)
{
    return size >= 16 ? 16 : size >= 8 ? 8 : 1;
}

#define REFUSED(expression, code)                                                                            \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        CHECK((expression) == NULL);                                                                         \
        CHECK(errno == (code));                                                                              \
    } while (0)

static void plain_blocks(void)
{
    void *all[SIZES];
    for (int i = 0; i < SIZES; i++) {
        errno = 1234;
        all[i] = malloc(sizes[i]);
        CHECK(errno == 1234);
        check_block(all[i], sizes[i], natural_alignment(sizes[i]));
        for (int j = 0; j < i; j++)
            CHECK(all[j] != all[i]);
    }
    for (int i = 0; i < SIZES; i++) {
        errno = 1234;
        free(all[i]);
        CHECK(errno == 1234);
    }
    free(NULL);
    for (int i = 0; i < IMPOSSIBLE; i++)
        REFUSED(malloc(impossible[i]), ENOMEM);
    CHECK(malloc_usable_size(NULL) == 0);
}

static void zeroed_blocks(void)
{
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < SIZES; i++) {
            unsigned char *p = calloc(round == 0 ? 1 : sizes[i], round == 0 ? sizes[i] : 1);
            CHECK(p != NULL);
            CHECK(is_zero(p, sizes[i]));
            if (sizes[i] > 0)
                memset(p, 0xff, malloc_usable_size(p)); /* what comes next time has been written to */
            free(p);
        }
    void *p = calloc(0, 100), *q = calloc(100, 0);
    CHECK(p != NULL && q != NULL && p != q);
    free(p);
    free(q);
    REFUSED(calloc(SIZE_MAX, 2), ENOMEM);
    REFUSED(calloc((size_t)1 << 33, (size_t)1 << 33), ENOMEM);
    REFUSED(calloc(SIZE_MAX / 2 + 2, 2), ENOMEM);
    REFUSED(calloc(PTRDIFF_MAX, 1), ENOMEM);
}

static void resized_blocks(void)
{
    for (int from = 1; from < SIZES; from++)
        for (int to = 1; to < SIZES; to++) {
            unsigned char *p = malloc(sizes[from]);
            CHECK(p != NULL);
            size_t kept = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            for (size_t i = 0; i < kept; i += i < 64 ? 1 : 509)
                p[i] = (unsigned char)(i * 7 + 1);
            p[kept - 1] = 0xA5;
            p = realloc(p, sizes[to]);
            CHECK(p != NULL && is_aligned(p, natural_alignment(sizes[to])));
            for (size_t i = 0; i < kept - 1; i += i < 64 ? 1 : 509)
                CHECK(p[i] == (unsigned char)(i * 7 + 1));
            CHECK(p[kept - 1] == 0xA5);
            check_block(p, sizes[to], 1);
            free(p);
        }
    void *p = realloc(NULL, 100);
    check_block(p, 100, 16);
    for (int i = 0; i < IMPOSSIBLE; i++) {
        memset(p, 7, 100);
        REFUSED(realloc(p, impossible[i]), ENOMEM);
        CHECK(((char *)p)[0] == 7 && ((char *)p)[99] == 7); /* refused: the block is as it was */
        REFUSED(reallocarray(p, impossible[i], 3), ENOMEM);
        CHECK(((char *)p)[0] == 7 && ((char *)p)[99] == 7);
    }
    CHECK(realloc(p, 0) == NULL); /* and frees */
    p = realloc(malloc(0), 50);
    check_block(p, 50, 16);
    p = reallocarray(p, 100, 30);
    check_block(p, 3000, 16);
    CHECK(reallocarray(p, 0, 30) == NULL);
    REFUSED(reallocarray(NULL, SIZE_MAX / 2, 4), ENOMEM);
    p = realloc(NULL, 0);
    CHECK(p != NULL);
    free(p);
}

/* Grown in steps, shrunk in steps: what lies in front stays. */
static void growing_blocks(void)
{
    char *p = NULL;
    for (size_t size = 1; size <= 8 << 20; size += size / 3 + 1) {
        p = realloc(p, size);
        CHECK(p != NULL);
        p[size - 1] = (char)size;
        for (size_t earlier = 1; earlier < size; earlier += earlier / 3 + 1)
            CHECK(p[earlier - 1] == (char)earlier);
    }
    for (size_t size = 4 << 20; size > 0; size /= 2) {
        p = realloc(p, size);
        CHECK(p != NULL && p[0] == 1);
    }
    free(p);
}

static void aligned_blocks(void)
{
    for (size_t alignment = 1; alignment <= (size_t)1 << 24; alignment *= 2)
        for (int i = 0; i < SIZES; i++) {
            if (alignment > 1 << 16 && sizes[i] % 3 != 0)
                continue; /* a third of the large ones is enough */
            void *a = memalign(alignment, sizes[i]), *b = aligned_alloc(alignment, sizes[i]), *c = NULL;
            check_block(a, sizes[i], alignment);
            check_block(b, sizes[i], alignment);
            CHECK(a != b);
            if (alignment >= sizeof(void *)) {
                CHECK(posix_memalign(&c, alignment, sizes[i]) == 0);
                check_block(c, sizes[i], alignment);
            }
            free(b);
            free(c);
            if (sizes[i] > 1) { /* aligned memory can be resized and keeps its contents */
                fill(a, sizes[i]);
                unsigned char last = ((unsigned char *)a)[sizes[i] - 1];
                a = realloc(a, sizes[i] * 2);
                CHECK(a != NULL && ((unsigned char *)a)[sizes[i] - 1] == last);
            }
            free(a);
        }
    long page = sysconf(_SC_PAGESIZE);
    for (int i = 0; i < SIZES; i++) {
        void *p = valloc(sizes[i]), *q = pvalloc(sizes[i]);
        check_block(p, sizes[i], (size_t)page);
        check_block(q, (sizes[i] + (size_t)page - 1) / (size_t)page * (size_t)page, (size_t)page);
        free(p);
        free(q);
    }
}

static void odd_alignments(void)
{
    /* memalign and, before glibc 2.38, aligned_alloc round up to a power of two. */
    static const size_t odd[][2] = {{0, 1}, {3, 4}, {24, 32}, {48, 64}, {100, 128}, {5000, 8192}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        void *p = memalign(odd[i][0], 100), *q = aligned_alloc(odd[i][0], 100);
        check_block(p, 100, odd[i][1]);
        check_block(q, 100, odd[i][1]);
        free(p);
        free(q);
    }
    REFUSED(memalign(SIZE_MAX / 2 + 2, 1), EINVAL);
    REFUSED(aligned_alloc(SIZE_MAX, 1), EINVAL);
    REFUSED(memalign(SIZE_MAX / 2 + 1, 1), ENOMEM);
    for (int i = 0; i < IMPOSSIBLE; i++) {
        REFUSED(memalign(64, impossible[i]), ENOMEM);
        REFUSED(aligned_alloc(4096, impossible[i]), ENOMEM);
        REFUSED(valloc(impossible[i]), ENOMEM);
        REFUSED(pvalloc(impossible[i]), ENOMEM);
        void *untouched = &untouched;
        CHECK(posix_memalign(&untouched, 64, impossible[i]) == ENOMEM);
        CHECK(untouched == (void *)&untouched);
    }
    static const size_t refused[] = {0, 1, 2, 4, 12, 24, 48, 100, SIZE_MAX};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        void *untouched = &untouched;
        errno = 1234;
        CHECK(posix_memalign(&untouched, refused[i], 100) == EINVAL);
        CHECK(untouched == (void *)&untouched && errno == 1234);
    }
}

static void other_frees(void)
{
    if (!cfree || !free_sized || !free_aligned_sized)
        return; /* the C library lacks one; a preloaded malloc has them */
    cfree(malloc(10));
    for (int i = 0; i < SIZES; i++) {
        free_sized(malloc(sizes[i]), sizes[i]);
        free_sized(calloc(sizes[i], 1), sizes[i]);
        free_aligned_sized(aligned_alloc(256, sizes[i]), 256, sizes[i]);
    }
    free_sized(NULL, 10);
    free_aligned_sized(NULL, 64, 10);
}

static int report_rises(size_t size)
{
    struct mallinfo2 before = mallinfo2();
    void *p = malloc(size);
    struct mallinfo2 after = mallinfo2();
    free(p);
    return after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + size;
}

/* Where garbage is collected beside the program, the end of a trace may fall between the two reports. */
static void reports(void)
{
    void *p = malloc(3000000);
    int rises = 0;
    for (int attempt = 0; attempt < 5 && !rises; attempt++)
        rises = report_rises(5000000);
    CHECK(rises);
    CHECK(mallinfo().uordblks > 0);
    free(p);
    malloc_trim(0);
    const struct {
        int parameter, value, result;
    } options[] = {{M_MXFAST, 0, 1},          {M_MXFAST, 160, 1},     {M_MXFAST, 161, 0},
                   {M_TRIM_THRESHOLD, -1, 1}, {M_TOP_PAD, 4096, 1},   {M_MMAP_THRESHOLD, 1 << 20, 1},
                   {M_MMAP_MAX, 0, 1},        {M_CHECK_ACTION, 3, 1}, {M_PERTURB, 0, 1},
                   {M_ARENA_TEST, 2, 1},      {M_ARENA_MAX, 2, 1}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        CHECK(mallopt(options[i].parameter, options[i].value) == options[i].result);
    CHECK(mallopt(-12345, 1) == 0 || mallopt(-12345, 1) == 1); /* unknown: does no harm */

    char *text = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&text, &length);
    CHECK(to != NULL);
    CHECK(malloc_info(1, to) == EINVAL);
    CHECK(malloc_info(0, to) == 0);
    CHECK(fclose(to) == 0);
    CHECK(strncmp(text, "<malloc version=\"1\">\n", 21) == 0);
    CHECK(strcmp(text + length - 10, "</malloc>\n") == 0);
    static const char *const elements[] = {/* in glibc's order */
                                           "<heap nr=\"0\">\n<sizes>\n", "</sizes>\n<total type=\"fast\"",
                                           "<total type=\"rest\"",       "<system type=\"current\"",
                                           "<system type=\"max\"",       "<aspace type=\"total\"",
                                           "<aspace type=\"mprotect\"",  "</heap>\n",
                                           "<total type=\"fast\"",       "<total type=\"rest\"",
                                           "<total type=\"mmap\"",       "<system type=\"current\"",
                                           "<system type=\"max\"",       "<aspace type=\"total\"",
                                           "<aspace type=\"mprotect\""};
    const char *at = text;
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        at = strstr(at, elements[i]);
        CHECK(at != NULL);
        at++;
    }
    free(text);
}

/* What was written up to malloc_usable_size is kept; growing to exactly that moves nothing. */
static void usable_blocks(void)
{
    for (size_t size = 1; size < 5000000; size = size * 5 / 4 + 1) {
        char *p = malloc(size);
        CHECK(p != NULL);
        size_t usable = malloc_usable_size(p);
        CHECK(usable >= size);
        memset(p, 0x5a, usable);
        char *same = realloc(p, usable);
        CHECK(same == p);
        char *grown = realloc(p, usable * 2 + 1);
        CHECK(grown != NULL);
        for (size_t i = 0; i < usable; i += 1 + usable / 1000)
            CHECK(grown[i] == 0x5a);
        CHECK(grown[usable - 1] == 0x5a);
        free(grown);
    }
}

/* A thread that is about to be cancelled has its output nevertheless. */
static void *report_when_cancelled(void *unused)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    malloc_stats();
    for (size_t size = 1; size < 10000000; size *= 3)
        free(malloc(size));
    malloc_trim(0);
    return unused;
}

static void cancelled_reports(void)
{
    int ends[2], old = dup(STDERR_FILENO);
    char text[4096] = "";
    pthread_t thread;
    CHECK(pipe(ends) == 0 && old >= 0);
    dup2(ends[1], STDERR_FILENO);
    CHECK(pthread_create(&thread, NULL, report_when_cancelled, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    dup2(old, STDERR_FILENO);
    close(ends[1]);
    CHECK(read(ends[0], text, sizeof text - 1) > 0);
    CHECK(strstr(text, "max mmap bytes") != NULL);
    close(ends[0]);
    close(old);
}

int main(void)
{
    usable_blocks();
    cancelled_reports();
    plain_blocks();
    zeroed_blocks();
    resized_blocks();
    growing_blocks();
    aligned_blocks();
    odd_alignments();
    other_frees();
    reports();
}
