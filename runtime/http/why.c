/* why: see why.h. Places in files are written FILE+0xADDRESS, with addresses as in the file's symbol table;
 * `weir why` finds their names. */
#include "runtime/http/why.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <weir/path.h>

#include "runtime/process/place.h"

static void add_place(text_t *text, const void *address)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    if (!place_add(text, address, program))
        text_add_hex(text, (uintptr_t)address);
}

static void add_number(text_t *text, const char *before, uint64_t number, const char *after)
{
    text_add_str(text, before);
    text_add_u64(text, number);
    text_add_str(text, after);
}

static void add_root(text_t *text, const weir_path_step *root)
{
    static const char *const kinds[] = {
        [WEIR_ROOT_STACK] = "the stack of thread ",
        [WEIR_ROOT_REGISTERS] = "the registers of thread ",
        [WEIR_ROOT_THREAD_LOCAL] = "thread-local memory of thread ",
        [WEIR_ROOT_COROUTINE] = "the stack of a suspended coroutine",
        [WEIR_ROOT_RANGE] = "a range of weir_gc_add_roots",
        [WEIR_ROOT_ARENA] = "an arena",
        [WEIR_ROOT_POOL] = "a pool",
        [WEIR_ROOT_FINALIZER] = "a finalizer or cleanup",
        [WEIR_ROOT_MAPPING] = "memory of mmap",
        [WEIR_ROOT_KEPT] = "a block of WEIR_KEEP",
        [WEIR_ROOT_RUNTIME] = "weir's own threads",
    };
    bool is_known = root->root < sizeof kinds / sizeof *kinds && kinds[root->root];
    text_add_str(text, "  ");
    if (root->root == WEIR_ROOT_STATIC) {
        text_add_str(text, "static data of ");
        add_place(text, root->at);
        text_add_char(text, '\n');
        return;
    }
    text_add_str(text, is_known ? kinds[root->root] : "a root");
    if (root->thread)
        text_add_i64(text, root->thread);
    if (root->root == WEIR_ROOT_STACK)
        add_number(text, ", ", root->offset, " bytes above its stack pointer");
    if (root->root == WEIR_ROOT_RANGE)
        add_number(text, ", at +", root->offset, "");
    if (root->symbol) {
        text_add_char(text, ' ');
        text_add_quoted(text, root->symbol, strlen(root->symbol));
    }
    if (root->at) {
        text_add_str(text, ", at ");
        text_add_hex(text, (uintptr_t)root->at);
    }
    text_add_char(text, '\n');
}

/* Objects of one list have the same origin, which is not repeated for each. */
static void add_object(text_t *text, const weir_path_step *before, const weir_path_step *step)
{
    if (step->skipped)
        add_number(text, "  ... ", step->skipped, " objects\n");
    else if (before->root == WEIR_ROOT_NONE && before->offset == SIZE_MAX)
        text_add_str(text, "  by a weak map or its type's function");
    else if (before->root == WEIR_ROOT_NONE)
        add_number(text, "  at +", before->offset, "");
    else
        text_add_str(text, " ");
    text_add_str(text, step->skipped ? "  -> " : " -> ");
    text_add_hex(text, (uintptr_t)step->at);
    add_number(text, ", ", step->size, " bytes\n");
    if (memcmp(step->calls, before->calls, sizeof step->calls) == 0)
        return;
    for (int i = 0; i < WEIR_PATH_CALLS && step->calls[i]; i++) {
        text_add_str(text, "       ");
        add_place(text, step->calls[i]);
        text_add_char(text, '\n');
    }
}

typedef struct lines {
    text_t *text;
    weir_path_step before;
} lines_t;

static bool add_step(void *ctx, const weir_path_step *step, size_t size)
{
    (void)size;
    lines_t *lines = ctx;
    if (step->root != WEIR_ROOT_NONE)
        add_root(lines->text, step);
    else
        add_object(lines->text, &lines->before, step);
    lines->before = *step;
    return true;
}

bool why_write(text_t *text, const void *p)
{
    lines_t lines = {.text = text};
    ptrdiff_t length = weir_gc_path(p, add_step, &lines);
    if (length < 0)
        text_add_str(
            text, errno == EINVAL
                      ? "no object of collected memory: weir_gc_alloc, WEIR_COLLECT=1, WEIR_DEBUG=leaks=1\n"
                  : errno == ENOMEM ? "no memory to look\n"
                                    : "the roots of the process cannot be found now\n");
    if (length == 0)
        text_add_str(text, "nothing leads to it: the next collection frees it\n");
    return length > 0;
}
