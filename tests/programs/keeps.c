/* keeps: under WEIR_COLLECT a block lives as long as any pointer to it is found, wherever a C program may
 * have put that: each case hides its pointers in one place, makes the collector run many times, and looks at
 * the blocks again.
 *   keeps LIBRARY     a shared library with a variable `held`: plugin/held.c */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <threads.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

enum { SIZE = 1000, LARGE = 300 * 1000, COUNT = 200 };

/* A list whose links hold their own number throughout. */
struct link {
    struct link *next;
    size_t size, number;
    unsigned char fill[];
};

static struct link *make(size_t number, size_t size, struct link *next)
{
    struct link *link = malloc(size);
    CHECK(link);
    memset(link, (int)number, size);
    link->next = next;
    link->size = size;
    link->number = number;
    return link;
}

static struct link *make_list(void)
{
    struct link *list = NULL;
    for (size_t i = 0; i < COUNT; i++)
        list = make(i, i % 20 ? SIZE : LARGE, list);
    return list;
}

static void check_list(const struct link *link)
{
    for (size_t i = COUNT; i-- > 0; link = link->next) {
        CHECK(link && link->number == i);
        for (size_t at = sizeof *link; at < link->size; at++)
            CHECK(link->fill[at - sizeof *link] == (unsigned char)i);
    }
    CHECK(!link);
}

/* Allocates some ten times what lives. */
static void churn(void)
{
    for (int i = 0; i < 40 * 1000; i++) {
        char *garbage = malloc(SIZE);
        CHECK(garbage);
        memset(garbage, 0xee, SIZE);
        __asm__ volatile("" : : "r"(garbage) : "memory");
    }
}

/* --- the places --- */

static struct link *in_data;
static __thread struct link *in_tls;

static void by_data(void)
{
    in_data = make_list();
    churn();
    check_list(in_data);
    in_data = NULL;
}

static void by_stack(void)
{
    struct link *volatile list = make_list();
    churn();
    check_list(list);
}

static void by_mapping(void)
{
    struct link **mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED);
    mapped[12345] = make_list();
    churn();
    check_list(mapped[12345]);
    munmap(mapped, 1 << 20);
}

/* 64 GiB that nobody touches must not take the collector long. */
static void by_sparse_mapping(void)
{
    size_t size = (size_t)1 << 36;
    struct link **mapped =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return;
    mapped[size / 16] = make_list();
    churn();
    check_list(mapped[size / 16]);
    munmap(mapped, size);
}

/* A file that is shorter than its mapping: what lies behind its end cannot be read. */
static void by_short_file(void)
{
    FILE *file = tmpfile();
    CHECK(file && ftruncate(fileno(file), 4096) == 0);
    struct link **mapped = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file), 0);
    CHECK(mapped != MAP_FAILED);
    mapped[7] = make_list();
    churn();
    check_list(mapped[7]);
    munmap(mapped, 1 << 16);
    fclose(file);
}

static void by_end_pointer(void)
{
    struct link *list = make_list();
    char *volatile end = (char *)list + list->size;
    list = NULL;
    churn();
    check_list((struct link *)(void *)(end - (((COUNT - 1) % 20) ? SIZE : LARGE)));
}

static void by_aligned_block(void)
{
    struct link **volatile page = aligned_alloc(4096, 4096);
    CHECK(page && (uintptr_t)page % 4096 == 0);
    page[100] = make_list();
    churn();
    check_list(page[100]);
    free(page);
}

static void by_realloc(void)
{
    struct link **volatile table = malloc(2 * sizeof *table);
    CHECK(table);
    for (size_t i = 1; i < 300; i++) {
        table = realloc(table, (i + 1) * 1000 * sizeof *table);
        CHECK(table);
        table[i * 1000] = make(i, SIZE, NULL);
    }
    churn();
    for (size_t i = 1; i < 300; i++)
        CHECK(table[i * 1000]->number == i);
    free(table);
}

static void by_environment(void)
{
    char *text = malloc(SIZE);
    CHECK(text);
    strcpy(text, "WEIR_TEST_KEEPS=yes");
    putenv(text);
    text = NULL;
    churn();
    CHECK(strcmp(getenv("WEIR_TEST_KEEPS"), "yes") == 0);
}

static void by_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    CHECK(library);
    struct link **held = dlsym(library, "held");
    CHECK(held);
    *held = make_list();
    churn();
    check_list(*held);
    dlclose(library);
}

/* --- threads --- */

static void *thread_main(void *argument)
{
    check_list(argument);
    in_tls = make_list();
    churn();
    check_list(argument);
    check_list(in_tls);
    return in_tls;
}

static int thread_main_c11(void *argument)
{
    check_list(thread_main(argument));
    return 7;
}

/* Each thread's argument is with the thread alone, its result with the C library alone. */
static void by_threads(void)
{
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, thread_main, make_list()) == 0);
    churn();
    for (int i = 0; i < THREADS; i++) {
        void *result;
        CHECK(pthread_join(threads[i], &result) == 0);
        check_list(result);
    }
    thrd_t thread;
    int result;
    CHECK(thrd_create(&thread, thread_main_c11, make_list()) == thrd_success);
    churn();
    CHECK(thrd_join(thread, &result) == thrd_success && result == 7);
}

static pthread_key_t key;

static void *key_main(void *argument)
{
    pthread_setspecific(key, make_list());
    churn();
    check_list(pthread_getspecific(key));
    return argument;
}

static void by_thread_key(void)
{
    pthread_t thread;
    CHECK(pthread_key_create(&key, NULL) == 0 && pthread_create(&thread, NULL, key_main, NULL) == 0);
    key_main(NULL);
    pthread_join(thread, NULL);
}

/* --- other stacks --- */

static ucontext_t outer, inner;

static void coroutine(void)
{
    struct link *volatile list = make_list();
    for (int i = 0; i < 3; i++) {
        swapcontext(&inner, &outer);
        churn();
        check_list(list);
    }
}

/* The collector runs while the coroutine waits, and while it runs. */
static void by_coroutine(char *stack, size_t size)
{
    getcontext(&inner);
    inner.uc_stack.ss_sp = stack;
    inner.uc_stack.ss_size = size;
    inner.uc_link = &outer;
    makecontext(&inner, coroutine, 0);
    for (int i = 0; i < 4; i++) {
        swapcontext(&outer, &inner);
        churn();
    }
}

static volatile sig_atomic_t handled;

static void handler(int number)
{
    struct link *volatile list = make_list();
    churn();
    check_list(list);
    handled = number;
}

static void by_signal_stack(void)
{
    stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17}, none = {.ss_flags = SS_DISABLE};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    struct link *volatile list = make_list();
    CHECK(sigaltstack(&stack, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    raise(SIGUSR1);
    CHECK(handled == SIGUSR1);
    check_list(list);
    sigaltstack(&none, NULL);
    free(stack.ss_sp);
}

/* --- fork --- */

static void by_fork(void)
{
    struct link *volatile list = make_list();
    pid_t child = fork();
    CHECK(child >= 0);
    churn();
    check_list(list);
    by_threads();
    if (child == 0)
        _exit(3);
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    by_data();
    by_stack();
    by_mapping();
    by_sparse_mapping();
    by_short_file();
    by_end_pointer();
    by_aligned_block();
    by_realloc();
    by_environment();
    by_library(arguments[1]);
    by_threads();
    by_thread_key();
    enum { STACK = 1 << 17 };
    char *stack = malloc(STACK);
    by_coroutine(stack, STACK);
    free(stack);
    stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    by_coroutine(stack, STACK);
    munmap(stack, STACK);
    by_signal_stack();
    by_fork();
}
