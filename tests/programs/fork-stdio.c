/* fork while other threads are in calls of the C library that hold its locks and allocate: streams (getline,
 * fopen, fflush(NULL), open_memstream), names (getpwnam, getaddrinfo), dlopen, locales and the environment;
 * beside fork handlers that allocate, and that wait for a thread which allocates. The child uses them too. A
 * heap that takes its locks before the C library or the handlers take theirs hangs; the script that runs this
 * limits the time.
 *
 *     fork-stdio FORKS
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "check.h"

static atomic_bool stop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the fork handlers and of hold_lock */

static void allocate(void)
{
    for (size_t size = 10; size < 3000000; size *= 5)
        free(hide(malloc(size)));
}

static void read_lines(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    CHECK(file != NULL);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        free(line);
        line = NULL;
        size = 0;
    }
    free(line);
    fclose(file);
}

static ssize_t write_by_allocating(void *unused, const char *text, size_t size)
{
    (void)unused, (void)text;
    allocate();
    return (ssize_t)size;
}

/* The stream's write function allocates, under the locks of the stream and of the list of streams. */
static void flush_all(void)
{
    FILE *file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_by_allocating});
    CHECK(file != NULL);
    fputs("text", file);
    fflush(NULL);
    fclose(file);
}

static void write_to_memory(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    CHECK(file != NULL);
    for (int i = 0; i < 2000; i++)
        fprintf(file, "%d and some more text\n", i);
    fclose(file);
    free(text);
}

static void look_up(void)
{
    struct addrinfo *found = NULL;
    getpwnam("root");
    if (getaddrinfo("127.0.0.1", "80", NULL, &found) == 0)
        freeaddrinfo(found);
}

static void load(void)
{
    void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    dlclose(library);
    locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
    if (locale)
        freelocale(locale);
}

static void hold_lock(void)
{
    pthread_mutex_lock(&lock);
    allocate();
    pthread_mutex_unlock(&lock);
}

/* The child may not do the last two: glibc leaves the locks of names and locales as they were. */
static void (*const works[])(void) = {read_lines, flush_all, write_to_memory, hold_lock, allocate,
                                      look_up,    load};
enum { WORKS = sizeof works / sizeof *works, WORKS_OF_CHILD = WORKS - 2 };

static void *repeat(void *work)
{
    while (!stop)
        (*(void (*const *)(void))work)();
    return NULL;
}

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
    allocate();
}

static void after_fork(void)
{
    allocate();
    pthread_mutex_unlock(&lock);
}

int main(int count, char **arguments)
{
    pthread_t threads[WORKS + 1];
    CHECK(pthread_atfork(before_fork, after_fork, after_fork) == 0);
    for (int i = 0; i < WORKS; i++)
        CHECK(pthread_create(&threads[i], NULL, repeat, (void *)&works[i]) == 0);
    CHECK(pthread_create(&threads[WORKS], NULL, repeat, (void *)&works[0]) == 0);
    for (int forks = atoi(arguments[1]); forks > 0; forks--) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            for (int i = 0; i < WORKS_OF_CHILD; i++)
                works[i]();
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    stop = true;
    for (int i = 0; i < WORKS + 1; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}
