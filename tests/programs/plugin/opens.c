/* A library that opens another by its name alone: it is found by this library's own search path (DT_RUNPATH),
 * no other. */
#include <dlfcn.h>

void *open_beside(void)
{
    return dlopen("libdeep-beside.so", RTLD_NOW);
}
