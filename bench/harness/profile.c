/* profile: -cpuprofile by gperftools' libprofiler, which is opened only when it is asked for. Its files are
 * read by `go tool pprof` and by `google-pprof`. All threads are sampled, 100 times per second of processor
 * time (CPUPROFILE_FREQUENCY), the harness included.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "bench/harness/harness.h"

static const char library[] = "libprofiler.so.0";

static struct {
    int (*start)(const char *path);
    void (*stop)(void);
} profiler;

bool profile_start(const char *path)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
    if (handle == NULL) {
        fprintf(stderr, "-cpuprofile: %s (it is gperftools'; Debian: libgoogle-perftools4)\n", dlerror());
        return false;
    }
    profiler.start = (int (*)(const char *))dlsym(handle, "ProfilerStart");
    profiler.stop = (void (*)(void))dlsym(handle, "ProfilerStop");
    if (profiler.start == NULL || profiler.stop == NULL) {
        fprintf(stderr, "-cpuprofile: %s has no ProfilerStart\n", library);
        return false;
    }
    if (profiler.start(path) == 0) {
        fprintf(stderr, "-cpuprofile: cannot write %s\n", path);
        return false;
    }
    return true;
}

void profile_stop(void)
{
    profiler.stop();
}
