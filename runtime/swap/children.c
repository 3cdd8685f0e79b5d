/* children: the calls that make a child which shares the process's memory until it executes another program:
 * vfork, clone with vfork's flags, and posix_spawn, popen, system and wordexp of the C library. Meanwhile the
 * thread that made the child waits in the kernel, where neither a tracer nor a signal reaches it. So it
 * saves its registers before the call (runtime/threads/world.h), and other threads may collect. What those
 * functions hold in registers later is on the stack by the time they wait, and all of the stack is scanned,
 * down to its lower end. fork is different: its child has memory of its own.
 *
 * vfork returns twice, and the child may overwrite what lies below its caller's frame, including vfork's
 * return address. So the return address is kept in a register over the call, as in the C library.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wordexp.h>

#include "runtime/config/options.h"
#include "runtime/swap/swap.h"
#include "runtime/threads/attach.h"
#include "runtime/threads/world.h"

/* The options are known as soon as there is a heap. */
static bool is_watched_child(void)
{
    return thread_heap() && options.collect;
}

#ifdef __x86_64__
/* Called by vfork below. */
void children_before(void);
pid_t children_after(long result);

__attribute__((used)) void children_before(void)
{
    if (is_watched_child())
        world_vfork_begin();
}

/* In the parent. */
__attribute__((used)) pid_t children_after(long result)
{
    if (options.collect)
        world_vfork_end();
    if (result >= 0)
        return (pid_t)result;
    errno = (int)-result;
    return -1;
}

EXPORT __attribute__((naked)) pid_t vfork(void)
{
    __asm__("sub $8, %rsp\n\t"
            "call children_before\n\t"
            "add $8, %rsp\n\t"
            "pop %rdi\n\t"
            "mov $58, %eax\n\t" /* SYS_vfork */
            "syscall\n\t"
            "push %rdi\n\t"
            "test %rax, %rax\n\t"
            "jz 1f\n\t"
            "mov %rax, %rdi\n\t"
            "sub $8, %rsp\n\t"
            "call children_after\n\t"
            "add $8, %rsp\n"
            "1:\tret");
}
#endif

/* Another name that the C library has for clone. */
int __clone(int (*run)(void *), void *stack, int flags, void *argument, ...);

EXPORT int clone(int (*run)(void *), void *stack, int flags, void *argument, ...)
{
    va_list list;
    va_start(list, argument);
    pid_t *parent_id = va_arg(list, pid_t *);
    void *thread_local = va_arg(list, void *);
    pid_t *child_id = va_arg(list, pid_t *);
    va_end(list);
    bool watched = flags & CLONE_VM && flags & CLONE_VFORK && is_watched_child();
    if (watched)
        world_vfork_begin();
    int child = __clone(run, stack, flags, argument, parent_id, thread_local, child_id);
    if (watched)
        world_vfork_end();
    return child;
}

typedef int spawn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                  char *const[], char *const[]);

static int spawn_watched(spawn *next, pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const arguments[],
                         char *const environment[])
{
    bool watched = is_watched_child();
    if (watched)
        world_vfork_begin();
    int error = next(pid, file, actions, attributes, arguments, environment);
    if (watched)
        world_vfork_end();
    return error;
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const arguments[],
                       char *const environment[])
{
    static spawn *_Atomic next;
    if (!next)
        next = (spawn *)(uintptr_t)dlsym(RTLD_NEXT, "posix_spawn");
    return spawn_watched(next, pid, path, actions, attributes, arguments, environment);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const arguments[],
                        char *const environment[])
{
    static spawn *_Atomic next;
    if (!next)
        next = (spawn *)(uintptr_t)dlsym(RTLD_NEXT, "posix_spawnp");
    return spawn_watched(next, pid, file, actions, attributes, arguments, environment);
}

EXPORT FILE *popen(const char *command, const char *how)
{
    typedef FILE *call(const char *, const char *);
    static call *_Atomic next;
    if (!next)
        next = (call *)(uintptr_t)dlsym(RTLD_NEXT, "popen");
    bool watched = is_watched_child();
    if (watched)
        world_vfork_begin();
    FILE *stream = next(command, how);
    if (watched)
        world_vfork_end();
    return stream;
}

static void end_watched(void *watched)
{
    if (watched)
        world_vfork_end();
}

/* system waits for the child, and may be cancelled there. */
EXPORT int system(const char *command)
{
    typedef int call(const char *);
    static call *_Atomic next;
    if (!next)
        next = (call *)(uintptr_t)dlsym(RTLD_NEXT, "system");
    bool watched = is_watched_child();
    int status;
    if (watched)
        world_vfork_begin();
    pthread_cleanup_push(end_watched, watched ? &status : NULL);
    status = next(command);
    pthread_cleanup_pop(1);
    return status;
}

/* wordexp has a shell run each command in the words, and reads what it prints; it may be cancelled there. */
EXPORT int wordexp(const char *words, wordexp_t *result, int how)
{
    typedef int call(const char *, wordexp_t *, int);
    static call *_Atomic next;
    if (!next)
        next = (call *)(uintptr_t)dlsym(RTLD_NEXT, "wordexp");
    bool watched = is_watched_child();
    int error;
    if (watched)
        world_vfork_begin();
    pthread_cleanup_push(end_watched, watched ? &error : NULL);
    error = next(words, result, how);
    pthread_cleanup_pop(1);
    return error;
}
