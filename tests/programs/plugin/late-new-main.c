/* late-new LIBRARY: opens the library of late-new.cc and asks it whether running out of memory throws
 * there. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*refuses)(void) = library ? (int (*)(void))dlsym(library, "late_new_refuses") : NULL;
    if (refuses == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    return refuses() == 1 ? 0 : 1;
}
