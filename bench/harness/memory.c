/* memory: page faults and the peak of resident memory of one call of a benchmark's body, as the kernel counts
 * them; and the same start for every benchmark. What weir gave back and what collecting cost is read in
 * allocations.c.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/harness/harness.h"

/* weir's functions may be in the program, or come with a library that is linked or preloaded: see
 * allocations.c. */
#pragma weak weir_free_os_memory
#pragma weak weir_gc
void weir_free_os_memory(void);
void weir_gc(void);

static void call(const char *name, void (*linked)(void))
{
    void *symbol = dlsym(RTLD_DEFAULT, name);
    void (*function)(void) = symbol != NULL ? (void (*)(void))(size_t)symbol : linked;
    if (function != NULL)
        function();
}

/* Garbage of earlier benchmarks is collected; pools drop what two cycles have not used; idle memory is
 * released. */
void memory_begin_benchmark(void)
{
    call("weir_free_os_memory", weir_free_os_memory);
    call("weir_free_os_memory", weir_free_os_memory);
}

void memory_begin_call(void)
{
    call("weir_gc", weir_gc);
}

/* In bytes, from a line of /proc/self/status such as "VmHWM:      1234 kB"; 0: not known. */
static uint64_t read_status(const char *name)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long kib = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), ": %llu", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

/* The kernel's high-water mark begins anew. False: it may not be told to. */
static bool reset_peak(void)
{
    int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    bool done = file >= 0 && write(file, "5", 1) == 1;
    if (file >= 0)
        close(file);
    return done;
}

void memory_begin(struct memory *memory)
{
    struct rusage usage;
    memory->has_peak = reset_peak();
    memory->resident = read_status("VmRSS");
    getrusage(RUSAGE_SELF, &usage);
    memory->faults = (uint64_t)(usage.ru_minflt + usage.ru_majflt);
}

void memory_end(struct memory *memory)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    memory->faults = (uint64_t)(usage.ru_minflt + usage.ru_majflt) - memory->faults;
    uint64_t peak = memory->has_peak ? read_status("VmHWM") : 0;
    memory->peak = peak > memory->resident ? peak - memory->resident : 0;
}
