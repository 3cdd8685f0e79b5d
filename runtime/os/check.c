/* check: see check.h. */
#include "runtime/os/check.h"

#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/os/os.h"

COLD _Noreturn void check_failed(const char *condition, const char *file, int line)
{
    char room[256];
    text_t out = text_on(room, sizeof room);
    text_add_str(&out, "weir: ");
    text_add_str(&out, file);
    text_add_str(&out, ":");
    text_add_u64(&out, (uint64_t)line);
    text_add_str(&out, ": not so: ");
    text_add_str(&out, condition);
    text_add_str(&out, "\n");
    text_flush(&out, STDERR_FILENO);
    os_abort();
}
