/* What the private jemalloc gets in place of some of libc's functions; prefix-jemalloc renames the calls.
 *
 * It takes no options from $MALLOC_CONF and /etc/malloc.conf: those are meant for a program's own jemalloc.
 * Without options its profiler and its background thread are never on. So the functions that these call are
 * replaced too: libm and the unwinder are not loaded into every process, and the dynamic linker touches no
 * page to find these functions in libc. It leaves the program's break alone. It starts when it is first
 * called, and the program may have installed a filter of system calls (seccomp) by then. So the stand-ins
 * make no system call: to jemalloc there is one processor, and the clock stands still. The stand-ins for its
 * thread key and its fork handlers, and for its pages, are in runtime/region/extents_os.c.
 */
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

char *weir_je_secure_getenv(const char *name);
ssize_t weir_je_readlink(const char *path, char *target, size_t size);
double weir_je_exp(double x);
double weir_je_log(double x);
double weir_je_round(double x);
int weir_je_Unwind_Backtrace(int (*trace)(void *, void *), void *argument);
unsigned long weir_je_Unwind_GetIP(void *context);

char *weir_je_secure_getenv(const char *name)
{
    (void)name;
    return NULL;
}

ssize_t weir_je_readlink(const char *path, char *target, size_t size)
{
    (void)path;
    (void)target;
    (void)size;
    return -1;
}

double weir_je_exp(double x)
{
    return x;
}

double weir_je_log(double x)
{
    return x;
}

double weir_je_round(double x)
{
    return x;
}

int weir_je_Unwind_Backtrace(int (*trace)(void *, void *), void *argument)
{
    (void)trace;
    (void)argument;
    return 0;
}

unsigned long weir_je_Unwind_GetIP(void *context)
{
    (void)context;
    return 0;
}

int weir_je_clock_gettime(int clock, long *time);

int weir_je_clock_gettime(int clock, long *time)
{
    (void)clock;
    time[0] = time[1] = 0;
    return 0;
}

int weir_je_sched_getaffinity(int process, size_t size, void *processors);

int weir_je_sched_getaffinity(int process, size_t size, void *processors)
{
    (void)process;
    memset(processors, 0, size);
    *(char *)processors = 1;
    return 0;
}

long weir_je_sysconf(int name);

long weir_je_sysconf(int name)
{
    (void)name;
    return 1;
}

/* Those that nothing calls, and sbrk, which has to fail. */
#define FAILS(name)                                                                                          \
    long weir_je_##name(void);                                                                               \
    long weir_je_##name(void)                                                                                \
    {                                                                                                        \
        return -1;                                                                                           \
    }

FAILS(sbrk)
FAILS(open)
FAILS(creat)
FAILS(atexit)
FAILS(gettimeofday)
FAILS(dlsym)
FAILS(sigfillset)
FAILS(sched_setaffinity)
FAILS(pthread_create)
FAILS(pthread_join)
FAILS(pthread_sigmask)
FAILS(pthread_getname_np)
FAILS(pthread_setname_np)
FAILS(pthread_cond_signal)
FAILS(pthread_cond_wait)
FAILS(pthread_cond_timedwait)

/* jemalloc initialises a condition for each background thread that it might start, though it starts none. */
int weir_je_pthread_cond_init(void *condition, const void *attributes);

int weir_je_pthread_cond_init(void *condition, const void *attributes)
{
    (void)condition;
    (void)attributes;
    return 0;
}

/* For a message only. GNU's gives the text, POSIX' and musl's a number. */
char *weir_je_strerror_r(int error, char *text, size_t size);
char *weir_je_strerror_r(int error, char *text, size_t size)
{
    (void)error;
    if (size > 0)
        text[0] = '\0';
    return text;
}

#ifndef __GLIBC__

/* Debian's archive was compiled with glibc's headers, and refers to these functions of glibc's. */
const unsigned short **__ctype_b_loc(void);
int __sched_cpucount(size_t size, const unsigned long *set);

/* Read by isspace alone, in the parser of options. */
const unsigned short **__ctype_b_loc(void)
{
    enum { SPACE = 0x2000 };
    static const unsigned short kinds[384] = {[128 + ' '] = SPACE,  [128 + '\t'] = SPACE,
                                              [128 + '\n'] = SPACE, [128 + '\v'] = SPACE,
                                              [128 + '\f'] = SPACE, [128 + '\r'] = SPACE};
    static const unsigned short *from = kinds + 128;
    return &from;
}

int __sched_cpucount(size_t size, const unsigned long *set)
{
    (void)size, (void)set;
    return 1;
}

#endif
