/* text: see text.h. Numbers are written backwards into a small array and appended; no libc formatting is
 * used, as printf may allocate, lock stdio and obey the locale. */
#include "runtime/base/text.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"

text_t text_on(char *buffer, size_t size)
{
    buffer[0] = '\0';
    return (text_t){.start = buffer, .size = size};
}

void text_add_chars(text_t *text, const char *chars, size_t length)
{
    size_t room = text->size - 1 - text->length;
    if (length > room) {
        length = room;
        text->truncated = true;
    }
    memcpy(text->start + text->length, chars, length);
    text->length += length;
    text->start[text->length] = '\0';
}

void text_add_char(text_t *text, char c)
{
    text_add_chars(text, &c, 1);
}

void text_add_str(text_t *text, const char *string)
{
    text_add_chars(text, string, strlen(string));
}

void text_add_quoted(text_t *text, const char *chars, size_t length)
{
    enum { LONGEST = 60 };
    text_add_char(text, '"');
    for (size_t i = 0; i < length && i < LONGEST; i++)
        text_add_char(text, chars[i] >= ' ' && chars[i] <= '~' ? chars[i] : '?');
    text_add_str(text, length > LONGEST ? "...\"" : "\"");
}

void text_add_json_string(text_t *text, const char *string)
{
    text_add_char(text, '"');
    for (; *string; string++) {
        if (*string == '"' || *string == '\\')
            text_add_char(text, '\\');
        text_add_char(text, *string >= ' ' && *string <= '~' ? *string : '?');
    }
    text_add_char(text, '"');
}

static void add_number(text_t *text, uint64_t number, unsigned base)
{
    char digits[20]; /* UINT64_MAX has 20 in base 10 */
    size_t first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    text_add_chars(text, digits + first, sizeof digits - first);
}

void text_add_u64(text_t *text, uint64_t number)
{
    add_number(text, number, 10);
}

void text_add_count(text_t *text, const char *before, uint64_t number)
{
    text_add_str(text, before);
    text_add_u64(text, number);
}

void text_add_i64(text_t *text, int64_t number)
{
    if (number < 0)
        text_add_char(text, '-');
    text_add_u64(text, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

void text_add_hex(text_t *text, uint64_t number)
{
    text_add_str(text, "0x");
    add_number(text, number, 16);
}

void text_add_decimal(text_t *text, uint64_t scaled, unsigned decimals)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < decimals; i++)
        unit *= 10;
    text_add_u64(text, scaled / unit);
    if (decimals == 0)
        return;
    text_add_char(text, '.');
    for (uint64_t rest = scaled % unit; unit > 1; rest %= unit) {
        unit /= 10;
        text_add_char(text, (char)('0' + rest / unit));
    }
}

static const char units[][4] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
enum { TIB = 4 }; /* the largest unit that the limits' grammar knows */

void text_add_bytes(text_t *text, uint64_t bytes)
{
    unsigned unit = 0;
    uint64_t tenths = 0;
    if (bytes < 1024)
        text_add_u64(text, bytes);
    else {
        do { /* the smallest unit in which the rounded number stays under 1024.0 */
            unit++;
            tenths =
                (uint64_t)(((unsigned __int128)bytes * 10 + ((uint64_t)1 << (10 * unit - 1))) >> (10 * unit));
        } while (tenths >= 10240);
        text_add_decimal(text, tenths, 1);
    }
    text_add_char(text, ' ');
    text_add_str(text, units[unit]);
}

void text_add_size(text_t *text, uint64_t bytes)
{
    unsigned unit = 0;
    while (bytes != 0 && bytes % 1024 == 0 && unit < TIB) {
        bytes /= 1024;
        unit++;
    }
    text_add_u64(text, bytes);
    if (unit > 0)
        text_add_str(text, units[unit]);
}

static size_t line_start(const text_t *text)
{
    size_t start = text->length;
    while (start > 0 && text->start[start - 1] != '\n')
        start--;
    return start;
}

void text_pad_to(text_t *text, size_t column)
{
    for (size_t width = text->length - line_start(text); width < column; width++)
        text_add_char(text, ' ');
}

void text_align_right(text_t *text, size_t from, size_t column)
{
    size_t end = text->length, length = end - from;
    text_pad_to(text, column);
    size_t shift = text->length - end;
    memmove(text->start + from + shift, text->start + from, length);
    memset(text->start + from, ' ', shift);
}

/* The system call itself: write of the C library is a cancellation point. */
void text_flush(text_t *text, int fd)
{
    static const char ending[] = "...\n";
    enum { ENDING = sizeof ending - 1 };
    int saved = errno;
    if (text->truncated && text->length >= ENDING)
        memcpy(text->start + text->length - ENDING, ending, ENDING);
    for (size_t done = 0; done < text->length && filter_permits(FILTER_WRITE);) {
        long written = syscall(SYS_write, fd, text->start + done, text->length - done);
        if (written > 0)
            done += (size_t)written;
        else if (written == 0 || errno != EINTR)
            break;
    }
    *text = text_on(text->start, text->size);
    errno = saved;
}

void text_make_room(text_t *text, size_t room, int fd)
{
    if (text->size - text->length < room)
        text_flush(text, fd);
}

void text_say(const char *line)
{
    char room[256];
    text_t text = text_on(room, sizeof room);
    text_add_str(&text, line);
    text_flush(&text, STDERR_FILENO);
}
