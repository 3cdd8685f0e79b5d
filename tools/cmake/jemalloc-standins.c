/* What the private jemalloc gets in place of some of libc's functions; prefix-jemalloc renames the calls.
 *
 * It takes no options from $MALLOC_CONF and /etc/malloc.conf: those are meant for a program's own jemalloc. And
 * its profiler, which is never on then, does not bring libm and the unwinder into every process.
 */
#include <stddef.h>
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
