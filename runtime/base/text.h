/* text: lines of text without an allocation: a cursor over a buffer that the caller owns.
 *
 * For output where malloc, stdio and the locale must not be used: inside the allocator, before libc is ready,
 * at exit. What does not fit is dropped, never written past the end; the text is a C string at all times. No
 * function changes errno.
 *
 *     char room[128];
 *     text_t line = text_on(room, sizeof room);
 *     text_add_str(&line, "released ");
 *     text_add_bytes(&line, bytes);
 *     text_add_char(&line, '\n');
 *     text_flush(&line, STDERR_FILENO);
 */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct text {
    char *start;    /* the buffer; start[length] == '\0' */
    size_t size;    /* of the buffer */
    size_t length;  /* characters so far, < size */
    bool truncated; /* something was dropped */
} text_t;

/* An empty text in a buffer of at least one byte. */
text_t text_on(char *buffer, size_t size);

void text_add_char(text_t *text, char c);
void text_add_str(text_t *text, const char *string);
void text_add_chars(text_t *text, const char *chars, size_t length);
/* In quotes, unprintable characters as '?', cut at about 60 characters: safe for foreign strings in messages.
 */
void text_add_quoted(text_t *text, const char *chars, size_t length);
/* As a string of JSON. What is not printable ASCII becomes '?', because a name that was cut may end in half
 * a UTF-8 character. */
void text_add_json_string(text_t *text, const char *string);
void text_add_u64(text_t *text, uint64_t number);
/* `before`, then the number. */
void text_add_count(text_t *text, const char *before, uint64_t number);
void text_add_i64(text_t *text, int64_t number);
/* 0x7f00: with prefix, lower case, no leading zeros. */
void text_add_hex(text_t *text, uint64_t number);
/* A number given in units of 10^-decimals: (12345, 3) is 12.345. */
void text_add_decimal(text_t *text, uint64_t scaled, unsigned decimals);
/* For people: rounded to one decimal, "512 B", "1.5 KiB", "3.0 GiB". */
void text_add_bytes(text_t *text, uint64_t bytes);
/* For programs: exact, in the grammar of the limits, "256MiB", "1000". */
void text_add_size(text_t *text, uint64_t bytes);

/* Add spaces up to the column (counted from 0 at the start of the current line); none if the line is
 * longer. */
void text_pad_to(text_t *text, size_t column);
/* Move what was added since `from` (an earlier text->length) to the right, so that it ends at the column. */
void text_align_right(text_t *text, size_t from, size_t column);

/* Write the text and empty it, unless it has room for so many characters more. */
void text_make_room(text_t *text, size_t room, int fd);
/* Write the text and empty it. A truncated text ends in "...\n", so that it stays a line. Interrupted and
 * partial writes are continued; a failing one loses the text. */
void text_flush(text_t *text, int fd);
/* One line for the user, on stderr. */
void text_say(const char *line);

#endif
