/* leaks_print: see leaks_print.h. */
#define _GNU_SOURCE
#include "runtime/service/leaks_print.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/config/options.h"
#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/gc/debug/leaks.h"
#include "runtime/observe/stats_print.h"
#include "runtime/process/place.h"
#include "runtime/profile/origin.h"
#include "runtime/service/calls.h"
#include "runtime/service/leaks_signal.h"

static struct {
    char path[PATH_MAX]; /* empty: stderr. A copy, since the environment may change meanwhile */
    char program[PATH_MAX];
    char room[ORIGIN_FRAMES * (PATH_MAX + 512)]; /* of a group */
} printer;

void leaks_print_prepare(void)
{
    if (!options.leaks)
        return;
    const char *path = getenv("WEIR_LEAKS_FILE");
    if (path && strlen(path) < sizeof printer.path)
        memcpy(printer.path, path, strlen(path) + 1);
    ssize_t length = readlink("/proc/self/exe", printer.program, sizeof printer.program - 1);
    printer.program[length > 0 ? length : 0] = '\0';
    if (calls_prepare("WEIR_DEBUG=leaks=1: no libgcc_s.so.1: it cannot be said where leaks come from"))
        calls_note_origins();
    leaks_signal_prepare(leaks_print_now);
}

static void add_frame(text_t *text, uintptr_t address)
{
    text_add_str(text, "  ");
    if (!place_add(text, (const void *)address, printer.program)) {
        text_add_str(text, "?+");
        text_add_hex(text, address);
    }
    text_add_char(text, '\n');
}

static void add_count(text_t *text, const char *before, size_t bytes, const char *between, size_t blocks)
{
    text_add_str(text, before);
    text_add_u64(text, bytes);
    text_add_str(text, between);
    text_add_u64(text, blocks);
    text_add_str(text, " blocks\n");
}

static void print_group(const leak_group_t *group, uint32_t stack, int kind, int fd)
{
    if (group->blocks[kind] == 0 || (stack == 0 && options.leakrate))
        return;
    text_t text = text_on(printer.room, sizeof printer.room);
    add_count(&text, kind == LEAKS_DIRECT ? "leak direct " : "leak indirect ",
              (size_t)(group->about_bytes[kind] + 0.5), " bytes ", (size_t)(group->about_blocks[kind] + 0.5));
    const origin_stack_t *calls = origin_stack(stack);
    for (uint32_t i = 0; i < calls->depth; i++)
        add_frame(&text, calls->frames[i]);
    text_flush(&text, fd);
}

static void print(const leak_group_t *groups, uint32_t count, bool so_far, int fd)
{
    size_t bytes = 0, blocks = 0;
    for (uint32_t i = 0; i < count; i++)
        for (int kind = 0; kind < LEAKS_KINDS; kind++) {
            bytes += groups[i].bytes[kind];
            blocks += groups[i].blocks[kind];
        }
    if (blocks == 0 && !so_far)
        return;
    text_t text = text_on(printer.room, sizeof printer.room);
    text_add_str(&text, "weir: leaks of process ");
    text_add_u64(&text, (uint64_t)getpid());
    text_add_str(&text, so_far ? " so far" : "");
    if (options.leakrate) {
        text_add_str(&text, ", sampled every ");
        text_add_i64(&text, options.leakrate);
        text_add_str(&text, " bytes");
    }
    text_add_char(&text, '\n');
    text_flush(&text, fd);
    for (uint32_t i = 0; i < count; i++)
        for (int kind = 0; kind < LEAKS_KINDS; kind++)
            print_group(&groups[i], i, kind, fd);
    add_count(&text, "weir: ", bytes, " bytes leaked in ", blocks);
    text_flush(&text, fd);
}

static void look_and_print(const origin_frame_t *from, bool so_far)
{
    int saved = errno;
    uint32_t count;
    if (!stats_print_is_permitted())
        return;
    gc_find_leaks(from);
    const leak_group_t *groups = leaks_found(&count);
    if (!groups) {
        text_say(
            "weir: WEIR_DEBUG=leaks=1: the roots of the process cannot be found; no leaks were looked for\n");
        errno = saved;
        return;
    }
    int file = stats_print_open(printer.path);
    print(groups, count, so_far, file >= 0 ? file : stats_print_fd());
    if (file >= 0)
        close(file);
    errno = saved;
}

void leaks_print_now(void)
{
    look_and_print(NULL, true);
}

void leaks_print_at_exit(void)
{
    if (!options.leaks || !collected_is_used())
        return;
    leaks_signal_end();
    origin_frame_t from = calls_program_frame(__builtin_frame_address(0));
    look_and_print(&from, false);
}
