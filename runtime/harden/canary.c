/* canary: see canary.h. */
#include "runtime/harden/canary.h"

#include <stdint.h>

#include "runtime/os/os.h"

static uint64_t secret;

/* Mixed as in splitmix64 (Steele, Lea, Flood, 2014). */
static uint64_t word_at(uintptr_t address)
{
    uint64_t x = secret ^ address;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (x ^ x >> 31) | 0x8080808080808080;
}

static uint8_t byte_at(const char *at)
{
    return (uint8_t)(word_at((uintptr_t)at & ~(uintptr_t)7) >> ((uintptr_t)at & 7) * 8);
}

void canary_fill(char *from, char *end)
{
    if (UNLIKELY(!secret))
        secret = os_random() | 1;
    for (; (uintptr_t)from % 8 != 0; from++)
        *from = (char)byte_at(from);
    for (; from < end; from += 8)
        *(uint64_t *)(void *)from = word_at((uintptr_t)from);
}

bool canary_is_whole(const char *from, const char *end)
{
    for (; (uintptr_t)from % 8 != 0; from++)
        if ((uint8_t)*from != byte_at(from))
            return false;
    for (; from < end; from += 8)
        if (*(const uint64_t *)(const void *)from != word_at((uintptr_t)from))
            return false;
    return true;
}
