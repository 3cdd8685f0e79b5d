/* cost: see cost.h. The least of several rounds: whatever else the machine does only adds to it. */
#include "tools/weir/advise/cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const uint64_t sizes[] = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 32768, 131072, 1048576};

/* Volatile, so that the compiler does not remove both calls. */
static void *(*volatile allocate)(size_t) = malloc;
static void (*volatile release)(void *) = free;

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double round_of(uint64_t size, int pairs)
{
    double from = now_ns();
    for (int i = 0; i < pairs; i++)
        release(allocate(size));
    return (now_ns() - from) / pairs;
}

int cost_print(void)
{
    enum { ROUNDS = 15, PAIRS = 4000 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        double least = round_of(sizes[i], PAIRS);
        for (int round = 1; round < ROUNDS; round++) {
            double ns = round_of(sizes[i], PAIRS);
            least = ns < least ? ns : least;
        }
        printf("%llu %.2f\n", (unsigned long long)sizes[i], least);
    }
    return 0;
}

static cost_t read_lines(FILE *from)
{
    cost_t cost = {0};
    unsigned long long size;
    for (double ns; cost.count < COST_SIZES && fscanf(from, "%llu %lf", &size, &ns) == 2; cost.count++) {
        cost.sizes[cost.count] = size;
        cost.ns[cost.count] = ns;
    }
    return cost;
}

cost_t cost_measure(void)
{
    cost_t cost = {0};
    int ends[2];
    if (pipe(ends) != 0)
        return cost;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        unsetenv("WEIR_PROFILE");
        unsetenv("WEIR_DEBUG");
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl("/proc/self/exe", "weir", "advise", "--measure", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *answers = fdopen(ends[0], "r");
    if (answers) {
        cost = read_lines(answers);
        fclose(answers);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
    return cost;
}

double cost_of(const cost_t *cost, uint64_t size)
{
    for (uint32_t i = 0; i < cost->count; i++)
        if (size <= cost->sizes[i] || i + 1 == cost->count)
            return cost->ns[i];
    return 0;
}
