/* roots: what the collector finds in what threads keep for themselves, and in the environment; and that nothing is freed
 * where not all roots are found. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <weir/gc.h>

#include "runtime/base/cpu.h"
#include "runtime/config/options.h"
#include "tests/unit/gc/roots/roots_tests.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

Test(roots, the_base_is_known_before_the_first_collection)
{
    char *p = weir_gc_alloc(100);
    p = weir_gc_alloc(100); /* not the first of its span */
    cr_expect_eq(weir_gc_base(p + 50), p);
}

/* --- what threads keep for themselves --- */

enum { FEW_KEYS = 3, MANY_KEYS = 200 };

static pthread_key_t keys[MANY_KEYS];

static void (*set_in_library)(void *);

static void *(*get_from_library)(void);

static void open_library(void)
{
    void *library = dlopen(TLS_MODULE, RTLD_NOW);
    CHECK(library);
    set_in_library = (void (*)(void *))(uintptr_t)dlsym(library, "tls_set");
    get_from_library = (void *(*)(void))(uintptr_t)dlsym(library, "tls_get");
    for (int i = 0; i < MANY_KEYS; i++)
        CHECK(pthread_key_create(&keys[i], NULL) == 0);
}

typedef struct keeper {
    hidden_t in_library, in_few, in_many, in_none;
    atomic_bool ready, stop;
} keeper_t;

__attribute__((noinline)) static void keep_all(keeper_t *keeper)
{
    void *objects[4];
    for (int i = 0; i < 4; i++)
        objects[i] = weir_gc_alloc(48);
    set_in_library(objects[0]);
    pthread_setspecific(keys[FEW_KEYS], objects[1]);
    pthread_setspecific(keys[MANY_KEYS - 1], objects[2]);
    keeper->in_library = hide(objects[0]);
    keeper->in_few = hide(objects[1]);
    keeper->in_many = hide(objects[2]);
    keeper->in_none = hide(objects[3]);
    memset(objects, 0, sizeof objects);
}

static void *keep_in_thread(void *argument)
{
    keeper_t *keeper = argument;
    keep_all(keeper);
    clear_stack();
    cpu_clear_vectors();
    keeper->ready = true;
    while (!keeper->stop)
        usleep(1000);
    pthread_setspecific(keys[FEW_KEYS], NULL);
    pthread_setspecific(keys[MANY_KEYS - 1], NULL);
    return NULL;
}

static void expect_kept(const keeper_t *keeper)
{
    cr_expect(is_alive(keeper->in_library));
    cr_expect(is_alive(keeper->in_few));
    cr_expect(is_alive(keeper->in_many));
}

/* In the thread that collects and in another one. */
Test(roots, thread_local_variables_of_late_libraries_and_values_of_all_keys, .init = begin)
{
    static keeper_t here, there;
    pthread_t thread;
    open_library();
    keep_all(&here);
    pthread_create(&thread, NULL, keep_in_thread, &there);
    while (!there.ready)
        usleep(1000);
    collect();
    collect();
    expect_kept(&here);
    expect_kept(&there);
    cr_expect_not(is_alive(there.in_none), "else this test tells nothing");
    there.stop = true;
    pthread_join(thread, NULL);
    set_in_library(NULL);
    collect();
    cr_expect_not(is_alive(here.in_library));
}

extern char **environ;

__attribute__((noinline)) static hidden_t put_in_environment(void)
{
    char *variable = weir_gc_alloc_noscan(48);
    strcpy(variable, "A=variable");
    environ[0] = variable;
    return hide(variable);
}

Test(roots, the_environment_as_it_was_given_is_a_root, .init = begin)
{
    if (!environ || !environ[0])
        return;
    uintptr_t here;
    if ((uintptr_t)environ < (uintptr_t)&here)
        cr_skip_test(
            "the environment was moved: modules/scope.c adds to it, where the runner has not done so");
    hidden_t variable = put_in_environment();
    collect();
    cr_expect(is_alive(variable));
}

/* --- what cannot be found --- */

/* A filter that refuses a system call. */
static bool deny(unsigned number)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT(filter), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static ucontext_t here, there;

static hidden_t on_stack, nowhere;

static size_t alive_on_stack, alive_nowhere;

/* Runs on a stack that nobody has registered: the collector finds its bounds only in the process's
 * mappings. */
static void on_unknown_stack(void)
{
    void *volatile object = weir_gc_alloc(48);
    on_stack = hide(object);
    nowhere = hide(weir_gc_alloc(48));
    collect();
    alive_on_stack = is_alive(on_stack);
    alive_nowhere = is_alive(nowhere);
    *(volatile char *)object = 1;
}

static void run_on_unknown_stack(void)
{
    static char *stack;
    if (!stack)
        stack = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = MIB(1);
    there.uc_link = &here;
    makecontext(&there, on_unknown_stack, 0);
    swapcontext(&here, &there);
}

Test(roots, where_not_all_are_found_nothing_is_freed, .init = begin)
{
    if (SANITIZED)
        cr_skip_test("under this sanitizer stacks and files are not the program's alone");
    run_on_unknown_stack();
    cr_expect(alive_on_stack);
    if (!deny(SYS_openat))
        cr_skip_test("no seccomp");
    for (int i = 0; i < 3; i++) {
        run_on_unknown_stack();
        cr_expect(alive_on_stack);
        cr_expect(alive_nowhere, "a root may lead there");
    }
}
