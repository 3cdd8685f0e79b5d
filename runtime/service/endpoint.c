/* endpoint: see endpoint.h. */
#define _GNU_SOURCE
#include "runtime/service/endpoint.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/observe/metrics.h"

static bool is_asked(const char *address)
{
    const char *process = getenv("WEIR_HTTP_PID");
    return address && *address && (!process || strtol(process, NULL, 10) == getpid());
}

/* The path of libweir-http.so beside this library. */
static bool find(text_t *path)
{
    static const char name[] = "libweir-http.so";
    Dl_info self;
    if (!dladdr((const void *)endpoint_start, &self) || !self.dli_fname)
        return false;
    const char *slash = strrchr(self.dli_fname, '/');
    if (slash)
        text_add_chars(path, self.dli_fname, (size_t)(slash + 1 - self.dli_fname));
    text_add_str(path, name);
    return !path->truncated;
}

void endpoint_start(void)
{
    static char room[PATH_MAX], line_room[512];
    const char *address = getenv("WEIR_HTTP");
    int saved = errno;
    if (!is_asked(address))
        return;
    text_t path = text_on(room, sizeof room);
    void *library = find(&path) ? dlopen(path.start, RTLD_NOW | RTLD_LOCAL) : NULL;
    void (*start)(const char *, _Atomic uint64_t *);
    void *found = library ? dlsym(library, "weir_http_start") : NULL;
    memcpy(&start, &found, sizeof start);
    if (found) {
        start(address, &metrics_endpoint_bytes);
    } else {
        const char *reason = dlerror();
        text_t line = text_on(line_room, sizeof line_room);
        text_add_str(&line, "weir: WEIR_HTTP: there is no endpoint: ");
        text_add_str(&line, reason ? reason : "libweir-http.so is not found");
        text_add_char(&line, '\n');
        text_flush(&line, STDERR_FILENO);
    }
    errno = saved;
}
