/* A stand-in for Criterion: under ThreadSanitizer, which occupies the fixed addresses that Criterion maps,
 * and for other platforms than the build's own.
 *
 * It has the part of Criterion's interface that the unit tests use: Test() with init, fini, signal and
 * exit_code, and the assertions. Each test runs in a forked child; main reports those that fail. A test
 * program is one source, so this header holds everything, main too.
 */
#ifndef WEIR_STANDIN_CRITERION_H
#define WEIR_STANDIN_CRITERION_H

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct criterion_test {
    const char *suite, *name;
    void (*run)(void);
    void (*init)(void);
    void (*fini)(void);
    int signal, exit_code;
    double timeout;
    bool disabled;
    const char *description;
    struct criterion_test *next;
};

static struct criterion_test *criterion_tests;
static bool criterion_failed;

#define Test(suite_, name_, ...)                                                                             \
    static void suite_##_##name_(void);                                                                      \
    __attribute__((constructor)) static void suite_##_##name_##_register(void)                               \
    {                                                                                                        \
        static struct criterion_test test = {                                                                \
            .suite = #suite_, .name = #name_, .run = suite_##_##name_, ##__VA_ARGS__};                       \
        test.next = criterion_tests;                                                                         \
        criterion_tests = &test;                                                                             \
    }                                                                                                        \
    static void suite_##_##name_(void)

__attribute__((format(printf, 4, 5))) static inline void
criterion_fail(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: not so: %s: ", file, line, condition);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    criterion_failed = true;
}

#define criterion_check(end, condition, ...)                                                                 \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            criterion_fail(__FILE__, __LINE__, #condition, " " __VA_ARGS__);                                 \
            end;                                                                                             \
        }                                                                                                    \
    } while (0)

#define cr_assert(c, ...) criterion_check(_exit(1), c, ##__VA_ARGS__)
#define cr_assert_not(c, ...) cr_assert(!(c), ##__VA_ARGS__)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b), ##__VA_ARGS__)
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b), ##__VA_ARGS__)
#define cr_assert_lt(a, b, ...) cr_assert((a) < (b), ##__VA_ARGS__)
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b), ##__VA_ARGS__)
#define cr_assert_gt(a, b, ...) cr_assert((a) > (b), ##__VA_ARGS__)
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b), ##__VA_ARGS__)
#define cr_assert_null(a, ...) cr_assert((a) == NULL, ##__VA_ARGS__)
#define cr_assert_not_null(a, ...) cr_assert((a) != NULL, ##__VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp(a, b) == 0, ##__VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) cr_assert(strcmp(a, b) != 0, ##__VA_ARGS__)
#define cr_assert_arr_eq(a, b, size, ...) cr_assert(memcmp(a, b, size) == 0, ##__VA_ARGS__)
#define cr_assert_arr_neq(a, b, size, ...) cr_assert(memcmp(a, b, size) != 0, ##__VA_ARGS__)
#define cr_assert_fail(...) cr_assert(false, ##__VA_ARGS__)

#define cr_expect(c, ...) criterion_check(, c, ##__VA_ARGS__)
#define cr_expect_not(c, ...) cr_expect(!(c), ##__VA_ARGS__)
#define cr_expect_eq(a, b, ...) cr_expect((a) == (b), ##__VA_ARGS__)
#define cr_expect_neq(a, b, ...) cr_expect((a) != (b), ##__VA_ARGS__)
#define cr_expect_lt(a, b, ...) cr_expect((a) < (b), ##__VA_ARGS__)
#define cr_expect_leq(a, b, ...) cr_expect((a) <= (b), ##__VA_ARGS__)
#define cr_expect_gt(a, b, ...) cr_expect((a) > (b), ##__VA_ARGS__)
#define cr_expect_geq(a, b, ...) cr_expect((a) >= (b), ##__VA_ARGS__)
#define cr_expect_null(a, ...) cr_expect((a) == NULL, ##__VA_ARGS__)
#define cr_expect_not_null(a, ...) cr_expect((a) != NULL, ##__VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) cr_expect(strcmp(a, b) == 0, ##__VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) cr_expect(strcmp(a, b) != 0, ##__VA_ARGS__)
#define cr_expect_arr_eq(a, b, size, ...) cr_expect(memcmp(a, b, size) == 0, ##__VA_ARGS__)
#define cr_expect_float_eq(a, b, within, ...)                                                                \
    cr_expect((a) - (b) <= (within) && (b) - (a) <= (within), ##__VA_ARGS__)
#define cr_expect_fail(...) cr_expect(false, ##__VA_ARGS__)
#define cr_fail(...) cr_assert_fail(__VA_ARGS__)

#define cr_skip_test(...) _exit(0)
#define cr_log_info(...) ((void)0)

static inline int criterion_run(const struct criterion_test *test)
{
    if (test->init)
        test->init();
    test->run();
    if (test->fini)
        test->fini();
    return criterion_failed;
}

/* Is "suite/name" a line of the file that STANDIN_SKIP names? After a blank the line may give a reason. */
static inline bool criterion_is_skipped(const struct criterion_test *test)
{
    char line[256], name[256];
    const char *path = getenv("STANDIN_SKIP");
    FILE *file = path ? fopen(path, "r") : NULL;
    bool found = false;
    snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, " \n")] = '\0';
        found = strcmp(line, name) == 0;
    }
    if (file)
        fclose(file);
    return found;
}

int main(void)
{
    int failures = 0;
    for (const struct criterion_test *test = criterion_tests; test; test = test->next) {
        if (test->disabled || criterion_is_skipped(test))
            continue;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0)
            exit(criterion_run(test));
        int status = 0;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            continue;
        int by_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        if (by_signal != test->signal || code != test->exit_code) {
            fprintf(stderr, "%s::%s failed: signal %d, status %d\n", test->suite, test->name, by_signal,
                    code);
            failures++;
        }
    }
    return failures != 0;
}

#endif
