/* leaks_report: see leaks_report.h. addr2line says which lines the addresses are, many addresses at a time;
 * the largest leaks come first.
 */
#include "tools/weir/leaks_report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weir/command.h"

enum { AT_ONCE = 500 };

/* What a line of the file says, and what addr2line does. */
typedef struct leak_frame {
    char *module, *symbol; /* symbol: "" if nobody knows */
    char *address;
    char *function, *line; /* NULL: not asked yet */
} leak_frame_t;

typedef struct leak {
    char kind[16];
    unsigned long long bytes, blocks;
    size_t first, frames; /* in report.frames */
} leak_t;

/* One report. */
typedef struct part {
    long process;
    bool so_far;
    unsigned long long rate, bytes, blocks; /* bytes to a sample, or 0; leaked in all */
    size_t first;                           /* in report.leaks */
} part_t;

/* What all processes have written since the last leaks_report. */
static struct {
    leak_frame_t *frames;
    leak_t *leaks;
    size_t frame_count, frame_room, leak_count, leak_room;
} report;

static void *checked(void *p)
{
    if (p)
        return p;
    fprintf(stderr, "weir run: out of memory\n");
    exit(EXIT_OWN_FAILURE);
}

/* The next element of a growing array. */
static void *next(void *array, size_t *count, size_t *room, size_t size)
{
    void **start = array;
    if (*count == *room) {
        *room = *room ? 2 * *room : 64;
        *start = checked(realloc(*start, *room * size));
    }
    return memset((char *)*start + size * (*count)++, 0, size);
}

/* --- symbols --- */

static char *read_line(FILE *from)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, from);
    if (length > 0 && line[length - 1] == '\n')
        line[length - 1] = '\0';
    if (length < 0) {
        free(line);
        return NULL;
    }
    return line;
}

/* Two lines come for each address. Without addr2line none does. */
static void ask(leak_frame_t **frames, size_t count)
{
    int ends[2];
    const char *arguments[AT_ONCE + 6] = {"addr2line", "-f", "-C", "-e", frames[0]->module};
    for (size_t i = 0; i < count; i++)
        arguments[5 + i] = frames[i]->address;
    if (pipe(ends) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        execvp(arguments[0], (char *const *)arguments);
        _exit(1);
    }
    close(ends[1]);
    FILE *answers = checked(fdopen(ends[0], "r"));
    for (size_t i = 0; i < count; i++) {
        frames[i]->function = read_line(answers);
        frames[i]->line = read_line(answers);
    }
    fclose(answers);
    if (child > 0)
        waitpid(child, NULL, 0);
}

static int by_address(const void *left, const void *right)
{
    const leak_frame_t *const *a = left, *const *b = right;
    int order = strcmp((*a)->module, (*b)->module);
    return order ? order : strcmp((*a)->address, (*b)->address);
}

static bool is_same(const leak_frame_t *a, const leak_frame_t *b)
{
    return strcmp(a->address, b->address) == 0 && strcmp(a->module, b->module) == 0;
}

/* Each address is asked for once; the frames at the same one share the answer. */
static void find_symbols(void)
{
    leak_frame_t **sorted = checked(calloc(report.frame_count + 1, sizeof *sorted));
    leak_frame_t **batch = checked(calloc(AT_ONCE, sizeof *batch));
    size_t count = 0;
    for (size_t i = 0; i < report.frame_count; i++)
        sorted[i] = &report.frames[i];
    qsort(sorted, report.frame_count, sizeof *sorted, by_address);
    for (size_t i = 0; i < report.frame_count; i++) {
        if (i > 0 && is_same(sorted[i], sorted[i - 1]))
            continue;
        if (count == AT_ONCE || (count > 0 && strcmp(batch[0]->module, sorted[i]->module) != 0)) {
            ask(batch, count);
            count = 0;
        }
        batch[count++] = sorted[i];
    }
    if (count > 0)
        ask(batch, count);
    for (size_t i = 1; i < report.frame_count; i++)
        if (is_same(sorted[i], sorted[i - 1])) {
            sorted[i]->function = sorted[i - 1]->function;
            sorted[i]->line = sorted[i - 1]->line;
        }
    free(sorted);
    free(batch);
}

/* --- reading --- */

/* "  module+0xaddress symbol"; the line is kept and cut. */
static void take_frame(char *line)
{
    char *plus = NULL;
    for (char *at = strstr(line, "+0x"); at; at = strstr(at + 1, "+0x"))
        plus = at;
    if (!plus || report.leak_count == 0 || strncmp(line, "  ", 2) != 0)
        return;
    *plus = '\0';
    char *symbol = plus + 1 + strcspn(plus + 1, " ");
    if (*symbol)
        *symbol++ = '\0';
    leak_frame_t *frame =
        next(&report.frames, &report.frame_count, &report.frame_room, sizeof *report.frames);
    *frame = (leak_frame_t){.module = line + 2, .address = plus + 1, .symbol = symbol};
    report.leaks[report.leak_count - 1].frames++;
}

static void take_line(char *line)
{
    leak_t leak = {.first = report.frame_count};
    if (sscanf(line, "leak %15s %llu bytes %llu blocks", leak.kind, &leak.bytes, &leak.blocks) != 3) {
        take_frame(line);
        return;
    }
    leak_t *entry = next(&report.leaks, &report.leak_count, &report.leak_room, sizeof *report.leaks);
    *entry = leak;
}

/* --- printing --- */

/* Direct ones first, then by size. */
static int by_weight(const void *left, const void *right)
{
    const leak_t *a = left, *b = right;
    int order = strcmp(a->kind, b->kind);
    if (order == 0)
        order = (a->bytes < b->bytes) - (a->bytes > b->bytes);
    return order ? order : (a->first > b->first) - (a->first < b->first);
}

static bool is_known(const char *answer)
{
    return answer && *answer && strncmp(answer, "??", 2) != 0;
}

static void print_frame(FILE *to, size_t number, const leak_frame_t *frame)
{
    const char *function = is_known(frame->function) ? frame->function : frame->symbol;
    fprintf(to, "    #%zu ", number);
    if (*function)
        fprintf(to, "in %s ", function);
    if (is_known(frame->line))
        fprintf(to, "%s\n", frame->line);
    else
        fprintf(to, "(%s+%s)\n", frame->module, frame->address);
}

static void print_leaks(FILE *to, leak_t *leaks, size_t count, const part_t *part)
{
    qsort(leaks, count, sizeof *leaks, by_weight);
    for (const leak_t *leak = leaks; leak < leaks + count; leak++) {
        fprintf(to, "%s leak of %llu byte(s) in %llu object(s) allocated from:\n",
                strcmp(leak->kind, "direct") == 0 ? "Direct" : "Indirect", leak->bytes, leak->blocks);
        for (size_t i = 0; i < leak->frames; i++)
            print_frame(to, i, &report.frames[leak->first + i]);
        if (leak->frames == 0)
            fprintf(to, "    (before calls could be noted)\n");
        fputc('\n', to);
    }
    fprintf(to, "SUMMARY: weir: %llu byte(s) leaked in %llu allocation(s).\n", part->bytes, part->blocks);
}

void leaks_report(FILE *from, FILE *to)
{
    enum { PARTS = 4096 };
    static part_t parts[PARTS + 1];
    static bool printed;
    size_t count = 0;
    report.leak_count = report.frame_count = 0;
    flock(fileno(from), LOCK_SH);
    for (char *line = read_line(from); line; line = read_line(from)) {
        part_t part = {.first = report.leak_count};
        if (sscanf(line, "weir: leaks of process %ld", &part.process) == 1 && count < PARTS) {
            const char *sampled = strstr(line, ", sampled every ");
            part.so_far = strstr(line, " so far") != NULL;
            part.rate = sampled ? strtoull(sampled + strlen(", sampled every "), NULL, 10) : 0;
            parts[count++] = part;
        } else if (sscanf(line, "weir: %llu bytes leaked in %llu blocks", &part.bytes, &part.blocks) == 2) {
            if (count > 0)
                parts[count - 1].bytes = part.bytes, parts[count - 1].blocks = part.blocks;
        } else {
            take_line(line);
        }
    }
    flock(fileno(from), LOCK_UN);
    clearerr(from);
    find_symbols();
    parts[count].first = report.leak_count;
    for (size_t i = 0; i < count; i++) {
        fprintf(to, "%s==%ld== weir: leaked memory%s\n", printed ? "\n" : "", parts[i].process,
                parts[i].so_far ? " so far" : "");
        if (parts[i].rate)
            fprintf(to, "(of one allocation in %llu bytes: what each group comes to is an estimate)\n",
                    parts[i].rate);
        fputc('\n', to);
        print_leaks(to, report.leaks + parts[i].first, parts[i + 1].first - parts[i].first, &parts[i]);
        printed = true;
    }
}
