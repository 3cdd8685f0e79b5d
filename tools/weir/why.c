/* weir why: what keeps an object of a running process, through its endpoint; places in files are named here,
 * by elfutils, where the process knows no name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/command.h"
#include "tools/weir/control/client.h"
#ifdef WEIR_HAS_ELFUTILS
#include "tools/weir/report/profile.h"
#else
static char *profile_symbol_at(const char *file, unsigned long long address)
{
    (void)file, (void)address;
    return NULL;
}
#endif

/* Print the line. If it ends in FILE+0xADDRESS, without a name, the name is added. */
static void print_line(char *line)
{
    fputs(line, stdout);
    char *file = strchr(line, '/'), *plus = NULL, *end = NULL;
    for (char *at = file; at && (at = strstr(at, "+0x")); at++)
        plus = at;
    unsigned long long address = plus ? strtoull(plus + 1, &end, 16) : 0;
    if (plus && *end == '\0') {
        *plus = '\0';
        char *symbol = profile_symbol_at(file, address);
        if (symbol)
            printf(" %s", symbol);
        free(symbol);
    }
    putchar('\n');
}

static int print_why(pid_t process, const char *target)
{
    char *body = NULL, *rest;
    const char *folder = client_folder("why");
    int status = folder ? client_ask(folder, process, "POST", target, &body) : 0;
    if (!folder)
        return EXIT_OWN_FAILURE;
    for (char *line = status == 200 ? strtok_r(body, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        print_line(line);
    client_complain("why", process, status, body);
    free(body);
    return status == 200 ? 0 : 1;
}

static int run_why(int count, char **arguments)
{
    char *end = NULL, target[64];
    pid_t process = count == 2 || count == 3 ? client_process(arguments[1]) : 0;
    if (process == 0)
        return command_bad_usage(&command_why, "expected the id of a process");
    unsigned long long address = count == 3 ? strtoull(arguments[2], &end, 16) : 0;
    if (count == 3 && (address == 0 || *end != '\0'))
        return command_bad_usage(&command_why, "expected an address");
    snprintf(target, sizeof target, "/debug/why?at=%#llx", address);
    return print_why(process, target);
}

const struct command command_why = {
    .name = "why",
    .usage = "PID [ADDRESS]",
    .summary = "Show why an object of a running process is kept: a path from a root to it",
    .details =
        "The process has to be started with weir run --control, by the same user. The object has to be in collected\n"
        "memory: of weir_gc_alloc, or of malloc in collect mode (weir run --collect) or under weir run --leaks.\n"
        "Without an address, an object is chosen at random, in proportion to its size: if something leaks, the\n"
        "object is probably a part of the leak. The process is stopped meanwhile.\n"
        "Exit status: 0; 1: it cannot be reached, or nothing keeps the object.\n",
    .run = run_why,
};
