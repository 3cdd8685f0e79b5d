/* check: what the test programs share: a check that names its place, blocks that know their contents, sleep.
 *
 * The programs know nothing of weir: they are run under whichever malloc is preloaded, print nothing when all
 * is well, and end with status 1 when a check fails. CHECK allocates nothing and may stand in any context.
 */
#ifndef WEIR_TESTS_PROGRAMS_CHECK_H
#define WEIR_TESTS_PROGRAMS_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK_TEXT_(x) #x
#define CHECK_TEXT(x) CHECK_TEXT_(x)
#define CHECK(condition)                                                                                     \
    ((condition) ? (void)0 : check_failed(__FILE__ ":" CHECK_TEXT(__LINE__) ": not so: " #condition "\n"))

#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
static inline void
check_failed(const char *message)
{
    ssize_t ignored = write(STDERR_FILENO, message, strlen(message));
    (void)ignored;
    _exit(1);
}

/* The compiler may not assume anything of a pointer that went through here, nor drop its allocation. */
static inline void *hide(void *p)
{
    __asm__ volatile("" : "+r"(p) : : "memory");
    return p;
}

/* ---- contents ---- */

/* Fill a block with bytes that depend on its address and size; at most the first and last 512 of them. */
enum { FILLED_AT_EACH_END = 512 };

static inline unsigned char fill_byte(const void *p, size_t size, size_t i)
{
    return (unsigned char)(((uintptr_t)p >> 4) * 31 + size * 7 + i);
}

static inline void fill(void *p, size_t size)
{
    unsigned char *bytes = (unsigned char *)p;
    for (size_t i = 0; i < size; i++) {
        if (i == FILLED_AT_EACH_END && size > 2 * FILLED_AT_EACH_END)
            i = size - FILLED_AT_EACH_END;
        bytes[i] = fill_byte(p, size, i);
    }
}

static inline int is_filled(const void *p, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)p;
    for (size_t i = 0; i < size; i++) {
        if (i == FILLED_AT_EACH_END && size > 2 * FILLED_AT_EACH_END)
            i = size - FILLED_AT_EACH_END;
        if (bytes[i] != fill_byte(p, size, i))
            return 0;
    }
    return 1;
}

static inline int is_zero(const void *p, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)p;
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* ---- random numbers (xorshift64*, Vigna 2016), the state never zero ---- */

static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DULL;
}

/* Every doubling up to 2^high is equally likely, and within one every size; at least 1. */
static inline size_t random_size(uint64_t *state, unsigned high)
{
    size_t base = (size_t)1 << (random_next(state) >> 32) % high;
    return base + (random_next(state) >> 20) % base;
}

/* Seconds after which a child of fork counts as hung: far beyond what the slowest and busiest machine
 * needs. */
enum { HANG = 600 };

static inline void sleep_ms(unsigned ms)
{
    struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

#endif
