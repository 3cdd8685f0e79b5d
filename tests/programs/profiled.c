/* Allocates known amounts in functions of known names, for the tests of the heap profile:
 *
 *     profiled            keep_small 20000 blocks of 100 bytes, keep_large 20 of 1000000, in_thread 500 of
 *                         2000, keep_grown 10 that realloc grows to 50000; gone: 100000 blocks of 64 that are
 *                         freed at once
 *     profiled fork       and then a child keeps more in keep_in_child
 *     profiled closed     closes stderr first
 *     profiled grow       keeps 64 MiB in steps of 1 MiB
 *     profiled sleep      waits for a line, allocates and waits again: for signals
 *     profiled exit|abort leaves by _exit or abort
 *     profiled forks      a thread writes profiles all the time, while 40 children are made, which keep more
 *     profiled cancels    40 threads that write profiles are cancelled; then keep_in_child
 *     profiled root DIR   changes its root directory first
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static void *kept[100000];
static size_t kept_count;

static void *use(void *p)
{
    __asm__ volatile("" : "+r"(p) : : "memory");
    return p;
}

static void keep(void *p)
{
    kept[kept_count++] = use(p);
}

NOINLINE static void keep_small(void)
{
    for (int i = 0; i < 20000; i++)
        keep(malloc(100));
}

NOINLINE static void keep_large(void)
{
    for (int i = 0; i < 20; i++)
        keep(malloc(1000000));
}

NOINLINE static void keep_grown(void)
{
    for (int i = 0; i < 10; i++)
        keep(realloc(malloc(40), 50000));
}

NOINLINE static void gone(void)
{
    for (int i = 0; i < 100000; i++)
        free(use(malloc(64)));
}

NOINLINE static void *in_thread(void *unused)
{
    for (int i = 0; i < 500; i++)
        keep(malloc(2000));
    return unused;
}

NOINLINE static void keep_in_child(void)
{
    for (int i = 0; i < 1000; i++)
        keep(malloc(3000));
}

NOINLINE static void keep_growing(void)
{
    for (int i = 0; i < 64; i++)
        keep(malloc(1 << 20));
}

/* The library's weir_profile_write, if the program runs on it. */
static int (*write_profile)(const char *path);
static int done;

static void *write_profiles(void *unused)
{
    while (write_profile && !__atomic_load_n(&done, __ATOMIC_RELAXED)) {
        write_profile(NULL);
        pthread_testcancel();
    }
    return unused;
}

static void make_children(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, write_profiles, NULL);
    for (int i = 0; i < 40; i++) {
        if (fork() == 0) {
            keep_in_child();
            exit(0);
        }
        wait(NULL);
    }
    done = 1;
    pthread_join(thread, NULL);
}

static void cancel_threads(void)
{
    for (int i = 0; i < 40; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, write_profiles, NULL);
        usleep(1000);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
    }
    keep_in_child();
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    pthread_t thread;
    if (strcmp(what, "closed") == 0)
        fclose(stderr);
    write_profile = (int (*)(const char *))dlsym(RTLD_DEFAULT, "weir_profile_write");
    if (strcmp(what, "root") == 0 && (chroot(arguments[2]) != 0 || chdir("/") != 0))
        return 77;
    keep_small();
    keep_large();
    keep_grown();
    gone();
    if (pthread_create(&thread, NULL, in_thread, NULL) == 0)
        pthread_join(thread, NULL);
    if (strcmp(what, "fork") == 0) {
        fflush(stdout);
        if (fork() == 0) {
            keep_in_child();
            exit(0);
        }
        wait(NULL);
    }
    if (strcmp(what, "forks") == 0)
        make_children();
    if (strcmp(what, "cancels") == 0)
        cancel_threads();
    if (strcmp(what, "grow") == 0)
        keep_growing();
    if (strcmp(what, "sleep") == 0) {
        printf("ready %d\n", (int)getpid());
        fflush(stdout);
        while (getchar() == '\n') {
            gone();
            puts("again");
            fflush(stdout);
        }
    }
    if (strcmp(what, "exit") == 0)
        _exit(0);
    if (strcmp(what, "abort") == 0)
        abort();
    printf("kept %zu\n", kept_count);
    return 0;
}
