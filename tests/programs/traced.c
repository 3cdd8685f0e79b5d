// traced: what an execution trace is made of, in the order of the arguments:
//
//     cycles N     so many cycles, with memory given back
//     closes       all descriptors from 3 on; a file of the program's own gets the numbers
//     forks        a child that runs two cycles, and one that runs none
//     loses N      so many traces of the program's own that are given up
//     api FILE     a trace of the program's own
//     waits        prints its process, and waits for a line on stdin
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir.h>

#include "check.h"

static void cycles(int count)
{
    enum { BLOCKS = 16, SIZE = 512 * 1024 };
    for (int cycle = 0; cycle < count; cycle++) {
        char *blocks[BLOCKS];
        for (int i = 0; i < BLOCKS; i++)
            blocks[i] = memset(malloc(SIZE), cycle, SIZE);
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        weir_free_os_memory();
    }
}

static void closes(void)
{
    enum { NUMBERS = 300 };
    for (int i = 3; i < NUMBERS; i++)
        close(i);
    int own = open("own", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    CHECK(own >= 0);
    for (int i = own + 1; i < NUMBERS; i++)
        CHECK(dup2(own, i) == i);
}

static void forks(void)
{
    for (int count = 2; count >= 0; count -= 2) {
        pid_t child = fork();
        if (child == 0) {
            cycles(count);
            exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
}

// Each of these traces loses its descriptor, and is given up.
static void loses(int count)
{
    enum { LEAST = 200, NUMBERS = 300 };
    for (int trace = 0; trace < count; trace++) {
        CHECK(weir_trace_begin("lost.json"));
        for (int i = LEAST; i < NUMBERS; i++)
            close(i);
        cycles(1);
    }
}

static void api(const char *path)
{
    CHECK(!weir_trace_end());
    CHECK(weir_trace_begin(path));
    CHECK(!weir_trace_begin(path));
    cycles(2);
    CHECK(weir_trace_end());
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "cycles"))
            cycles(atoi(argv[++i]));
        else if (!strcmp(argv[i], "closes"))
            closes();
        else if (!strcmp(argv[i], "forks"))
            forks();
        else if (!strcmp(argv[i], "loses"))
            loses(atoi(argv[++i]));
        else if (!strcmp(argv[i], "api"))
            api(argv[++i]);
        else if (!strcmp(argv[i], "waits"))
            CHECK(printf("waiting %d\n", (int)getpid()) > 0 && fflush(stdout) == 0 && getchar() != EOF);
    }
    puts("done");
    return 0;
}
