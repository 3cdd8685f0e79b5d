/* copy: see copy.h. */
#include "runtime/os/copy.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "runtime/os/os.h"

enum { WORTHWHILE = 64 * 1024 /* bytes */, RUN = 64 * 1024 /* written pages that are copied at once */ };

/* The first byte is 0, and each byte is compared with the one after it. */
static bool is_zero(const char *p, size_t size)
{
    return *p == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* The bytes from p to the end of its page, at most `size`. */
static size_t part_of_page(const char *p, size_t size)
{
    size_t part = OS_PAGE - (uintptr_t)p % OS_PAGE;
    return part < size ? part : size;
}

void os_clear_written(void *start, size_t size)
{
    char *p = start;
    for (size_t part; size; p += part, size -= part) {
        part = part_of_page(p, size);
        if (!is_zero(p, part))
            memset(p, 0, part);
    }
}

void os_copy_written(void *to, const void *from, size_t size)
{
    char *target = to;
    const char *source = from;
    if (size < WORTHWHILE) {
        memcpy(to, from, size);
        return;
    }
    while (size) {
        size_t run = 0, zeros = 0;
        while (run < size && run < RUN && !zeros) {
            size_t part = part_of_page(source + run, size - run);
            if (is_zero(source + run, part))
                zeros = part;
            else
                run += part;
        }
        memcpy(target, source, run);
        os_clear_written(target + run, zeros);
        target += run + zeros;
        source += run + zeros;
        size -= run + zeros;
    }
}
