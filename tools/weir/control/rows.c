/* rows: see rows.h. */
#include "tools/weir/control/rows.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/control/client.h"
#include "tools/weir/control/shared.h"
#include "tools/weir/saturate.h"

/* What stands behind the key of a metric in /debug/vars; "0" if there is none. */
static const char *value_of(const char *vars, const char *metric)
{
    char key[96];
    snprintf(key, sizeof key, "\"%s\": ", metric);
    const char *found = strstr(vars, key);
    return found != NULL ? found + strlen(key) : "0";
}

static uint64_t number_of(const char *vars, const char *metric)
{
    return strtoull(value_of(vars, metric), NULL, 10);
}

static void read_proc(row_t *row)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)row->process);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(row->program, sizeof row->program, file) == NULL)
            row->program[0] = '\0';
        fclose(file);
    }
    row->program[strcspn(row->program, "\n")] = '\0';
    snprintf(path, sizeof path, "/proc/%d/statm", (int)row->process);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    const char *second = fgets(text, sizeof text, file) != NULL ? strchr(text, ' ') : NULL;
    if (second != NULL)
        row->resident = multiply(strtoull(second, NULL, 10), (uint64_t)sysconf(_SC_PAGESIZE));
    fclose(file);
}

static void fill(row_t *row, const char *vars)
{
    row->live = number_of(vars, "/memory/classes/heap/objects:bytes");
    row->held = number_of(vars, "/weir/memory/held:bytes");
    row->released = number_of(vars, "/weir/os/released:bytes");
    row->cycles = number_of(vars, "/gc/cycles/total:gc-cycles");
    row->longest_stop = strtod(value_of(vars, "/weir/gc/pause-max:seconds"), NULL);
    row->gogc = number_of(vars, "/gc/gogc:percent");
    row->memlimit = number_of(vars, "/gc/gomemlimit:bytes");
    row->is_off = row->gogc == UINT64_MAX;
    row->is_unlimited = row->memlimit == INT64_MAX;
    read_proc(row);
}

rows_t rows_read(const char *folder)
{
    rows_t rows = {0};
    pid_t *processes;
    size_t count = client_processes(folder, &processes);
    rows.all = memory_new(count, sizeof *rows.all);
    for (size_t i = 0; i < count; i++) {
        char *vars = shared_read(processes[i]);
        if (vars != NULL || client_ask(folder, processes[i], "GET", "/debug/vars", &vars) == 200) {
            row_t *row = &rows.all[rows.count++];
            row->process = processes[i];
            fill(row, vars);
        }
        free(vars);
    }
    free(processes);
    return rows;
}

void rows_free(rows_t *rows)
{
    free(rows->all);
    *rows = (rows_t){0};
}

static void write_bytes(char *text, size_t size, uint64_t bytes)
{
    static const char units[] = "BKMGT";
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1023.95 && unit < 4; unit++)
        value /= 1024;
    snprintf(text, size, "%.*f%c", unit > 0, value, units[unit]);
}

void rows_heading(char *line, size_t size)
{
    snprintf(line, size, "%8s %-16s %9s %9s %9s %9s %8s %9s %5s %9s", "PID", "PROGRAM", "LIVE", "HELD",
             "RESIDENT", "RELEASED", "CYCLES", "MAX STOP", "GOGC", "MEMLIMIT");
}

void rows_line(const row_t *row, char *line, size_t size)
{
    char live[16], held[16], resident[16], released[16], memlimit[16], gogc[24];
    write_bytes(live, sizeof live, row->live);
    write_bytes(held, sizeof held, row->held);
    write_bytes(resident, sizeof resident, row->resident);
    write_bytes(released, sizeof released, row->released);
    write_bytes(memlimit, sizeof memlimit, row->memlimit);
    snprintf(gogc, sizeof gogc, "%ju", (uintmax_t)row->gogc);
    snprintf(line, size, "%8d %-16.16s %9s %9s %9s %9s %8ju %7.2fms %5s %9s", (int)row->process, row->program,
             live, held, resident, released, (uintmax_t)row->cycles, 1000 * row->longest_stop,
             row->is_off ? "off" : gogc, row->is_unlimited ? "off" : memlimit);
}
