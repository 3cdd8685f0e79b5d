/* tls: a library with a thread-local variable, to be opened late. */
#include <stddef.h>

static __thread void *kept;
static __thread char more[4096];

void tls_set(void *p);
void *tls_get(void);

void tls_set(void *p)
{
    more[0] = 1;
    kept = p;
}

void *tls_get(void)
{
    return kept;
}
