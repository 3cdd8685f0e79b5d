/* misuse: see misuse.h. */
#include "runtime/debug/misuse.h"

#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/cells/bootstrap.h"
#include "runtime/config/options.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"

static void say_misuse(const char *what, const void *p, size_t size, const char *call, const char *end)
{
    char room[192];
    text_t line = text_on(room, sizeof room);
    text_add_str(&line, "weir: ");
    text_add_str(&line, what);
    text_add_str(&line, " ");
    text_add_hex(&line, (uintptr_t)p);
    if (size) {
        text_add_str(&line, " (");
        text_add_u64(&line, size);
        text_add_str(&line, "-byte cell)");
    }
    if (call) {
        text_add_str(&line, " in ");
        text_add_str(&line, call);
    }
    text_add_str(&line, end);
    text_flush(&line, STDERR_FILENO);
}

COLD void misuse_report(const char *what, const void *p, size_t size, const char *call)
{
    say_misuse(what, p, size, call, "\n");
    if (options.onerror == OPTIONS_ONERROR_ABORT)
        os_abort();
}

COLD void misuse_outside(const void *p, const char *call)
{
    if (bootstrap_owns(p))
        return;
    if ((uintptr_t)p % 16 != 0)
        misuse_report("unaligned address of", p, 0, call);
    else if (os_is_on_stack(p))
        misuse_report("stack address of", p, 0, call);
    else if (!os_is_mapped(p))
        misuse_report("unmapped address of", p, 0, call);
    else
        say_misuse("foreign pointer at", p, 0, call, ": ignored\n");
}

COLD _Noreturn void misuse_corrupted(const char *what, const void *where)
{
    say_misuse(what, where, 0, NULL, ": the heap is corrupted\n");
    os_abort();
}
