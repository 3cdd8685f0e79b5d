/* The text builder: every way to add, and that nothing is ever written past the buffer. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/text.h"

static char room[256];
static text_t text;

static void begin(void)
{
    text = text_on(room, sizeof room);
}

/* Check that the text added so far is this, and begin again. */
static void expect_text(const char *expected)
{
    cr_expect_str_eq(room, expected, "\"%s\", expected \"%s\"", room, expected);
    cr_expect_eq(text.length, strlen(expected));
    cr_expect_not(text.truncated);
    begin();
}

Test(text, strings, .init = begin)
{
    expect_text("");
    text_add_str(&text, "");
    text_add_char(&text, 'a');
    text_add_str(&text, "bc");
    text_add_chars(&text, "defgh", 3);
    expect_text("abcdef");
}

Test(text, quoted, .init = begin)
{
    text_add_quoted(&text, "plain", 5);
    expect_text("\"plain\"");
    text_add_quoted(&text, "a\nb\t\x1b[31m\xff\0z", 11);
    expect_text("\"a?b??[31m??\"");
    char longer[100];
    memset(longer, 'x', sizeof longer);
    text_add_quoted(&text, longer, sizeof longer);
    cr_expect_eq(text.length, 1 + 60 + 4);
    cr_expect_str_eq(room + text.length - 5, "x...\"");
}

Test(text, numbers, .init = begin)
{
    static const struct {
        uint64_t number;
        const char *decimal, *as_signed, *hexadecimal;
    } cases[] = {
        {0, "0", "0", "0x0"},
        {7, "7", "7", "0x7"},
        {10, "10", "10", "0xa"},
        {4096, "4096", "4096", "0x1000"},
        {INT64_MAX, "9223372036854775807", "9223372036854775807", "0x7fffffffffffffff"},
        {(uint64_t)INT64_MIN, "9223372036854775808", "-9223372036854775808", "0x8000000000000000"},
        {UINT64_MAX, "18446744073709551615", "-1", "0xffffffffffffffff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_add_u64(&text, cases[i].number);
        expect_text(cases[i].decimal);
        text_add_i64(&text, (int64_t)cases[i].number);
        expect_text(cases[i].as_signed);
        text_add_hex(&text, cases[i].number);
        expect_text(cases[i].hexadecimal);
    }
}

Test(text, decimals, .init = begin)
{
    static const struct {
        uint64_t scaled;
        unsigned decimals;
        const char *expected;
    } cases[] = {
        {12345, 3, "12.345"}, {12345, 0, "12345"},      {5, 2, "0.05"},
        {0, 1, "0.0"},        {1000000, 6, "1.000000"}, {UINT64_MAX, 19, "1.8446744073709551615"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_add_decimal(&text, cases[i].scaled, cases[i].decimals);
        expect_text(cases[i].expected);
    }
}

Test(text, bytes_for_people, .init = begin)
{
    static const struct {
        uint64_t bytes;
        const char *expected;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {1024 + 51, "1.0 KiB"},         /* 1.0498 */
        {1024 + 52, "1.1 KiB"},         /* 1.0508 */
        {(1 << 20) - 52, "1023.9 KiB"}, /* 1023.949 */
        {(1 << 20) - 51, "1.0 MiB"},    /* 1023.9502, which would read 1024.0 */
        {(1 << 20) - 1, "1.0 MiB"},
        {(uint64_t)3 << 30, "3.0 GiB"},
        {(uint64_t)5 << 39, "2.5 TiB"},
        {(uint64_t)1 << 50, "1.0 PiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_add_bytes(&text, cases[i].bytes);
        expect_text(cases[i].expected);
    }
}

Test(text, sizes_for_programs, .init = begin)
{
    static const struct {
        uint64_t bytes;
        const char *expected;
    } cases[] = {
        {0, "0"},
        {1000, "1000"},
        {1024, "1KiB"},
        {1025, "1025"},
        {256 << 20, "256MiB"},
        {(uint64_t)3 << 29, "1536MiB"},
        {(uint64_t)2 << 40, "2TiB"},
        {(uint64_t)1 << 50, "1024TiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_add_size(&text, cases[i].bytes);
        expect_text(cases[i].expected);
    }
}

Test(text, padding_counts_from_the_line, .init = begin)
{
    text_add_str(&text, "first line\nab");
    text_pad_to(&text, 4);
    text_add_str(&text, "cd");
    text_pad_to(&text, 3); /* already beyond */
    text_add_char(&text, '|');
    expect_text("first line\nab  cd|");
}

Test(text, aligning_to_the_right, .init = begin)
{
    text_add_str(&text, "x\nname");
    size_t from = text.length;
    text_add_u64(&text, 42);
    text_align_right(&text, from, 10);
    text_add_char(&text, '.');
    expect_text("x\nname    42.");

    from = text.length;
    text_add_str(&text, "too wide");
    text_align_right(&text, from, 3);
    expect_text("too wide");
}

/* Everything, at every size of the buffer, between two guards. */
Test(text, nothing_is_written_past_the_end)
{
    for (size_t size = 1; size < 120; size++) {
        char guarded[128];
        memset(guarded, '#', sizeof guarded);
        text_t cut = text_on(guarded + 1, size);
        text_add_str(&cut, "12345678\n");
        text_add_quoted(&cut, "quoted", 6);
        text_add_u64(&cut, UINT64_MAX);
        text_add_hex(&cut, 0xabc);
        text_add_bytes(&cut, 123456789);
        text_pad_to(&cut, 60);
        size_t from = cut.length;
        text_add_decimal(&cut, 1234, 2);
        text_align_right(&cut, from, 80);
        text_add_size(&cut, 1024);
        cr_assert_eq(guarded[0], '#');
        cr_assert_eq(guarded[size + 1], '#', "size %zu", size);
        cr_assert_lt(cut.length, size);
        cr_assert_eq(guarded[1 + cut.length], '\0');
        cr_assert_eq(cut.truncated, cut.length == size - 1 && size <= 9 + 80 + 4);
    }
}

/* What text_flush writes into a pipe, as a string; 0 bytes is "". */
static const char *flushed(text_t *from)
{
    static char got[512];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    text_flush(from, ends[1]);
    close(ends[1]);
    ssize_t length = read(ends[0], got, sizeof got - 1);
    close(ends[0]);
    cr_assert_geq(length, 0);
    got[length] = '\0';
    return got;
}

Test(text, flush_writes_and_empties, .init = begin)
{
    text_add_str(&text, "one line\n");
    cr_expect_str_eq(flushed(&text), "one line\n");
    expect_text("");
    cr_expect_str_eq(flushed(&text), "");
}

Test(text, a_truncated_line_stays_a_line)
{
    char small[12];
    text_t cut = text_on(small, sizeof small);
    text_add_str(&cut, "a line that is too long\n");
    cr_expect(cut.truncated);
    cr_expect_str_eq(flushed(&cut), "a line ...\n");
    cr_expect_not(cut.truncated);
}

Test(text, errno_is_kept, .init = begin)
{
    text_add_str(&text, "lost");
    errno = ERANGE;
    text_flush(&text, -1);
    cr_expect_eq(errno, ERANGE);
    expect_text("");
}

static void ignore_signal(int number)
{
    (void)number;
}

/* A write of more than a pipe holds is cut short by signals; all of it has to arrive. */
Test(text, interrupted_writes_are_continued)
{
    enum { SIZE = 1 << 20 };
    static char large[SIZE];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t reader = fork();
    if (reader == 0) {
        static char sink[4096];
        size_t total = 0;
        ssize_t got;
        close(ends[1]);
        while ((got = read(ends[0], sink, sizeof sink)) > 0) {
            total += (size_t)got;
            usleep(20);
        }
        _exit(total == SIZE - 1 ? 0 : 1);
    }
    close(ends[0]);
    struct sigaction action = {.sa_handler = ignore_signal}; /* without SA_RESTART */
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 500}, {0, 500}}, NULL);
    text_t all = text_on(large, sizeof large);
    for (size_t i = 0; i < SIZE - 1; i++)
        text_add_char(&all, 'x');
    text_flush(&all, ends[1]);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    close(ends[1]);
    int status;
    while (waitpid(reader, &status, 0) < 0 && errno == EINTR)
        ;
    cr_expect_eq(status, 0, "bytes were lost");
}
