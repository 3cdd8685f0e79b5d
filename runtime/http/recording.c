/* recording: see recording.h. The trace goes to a file in memory; nothing is left of it when it was sent. */
#define _GNU_SOURCE
#include "runtime/http/recording.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <weir/trace.h>

#include "runtime/http/thread.h"
#include "runtime/os/uncounted.h"

enum { STACK = 64 * 1024 };

static struct {
    _Atomic bool busy; /* from start to take */
    int file;
    unsigned seconds;
    void (*done)(void *context);
    void *context;
} recording;

static void *wait_and_end(void *unused)
{
    struct timespec left = {.tv_sec = recording.seconds};
    (void)unused;
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    weir_trace_end();
    recording.done(recording.context);
    uncounted_ends();
    return NULL;
}

/* A child has no such thread, and no use for the file. */
static void recording_after_fork_child(void)
{
    if (atomic_exchange(&recording.busy, false) && recording.file >= 0)
        close(recording.file);
}

bool recording_start(unsigned seconds, void (*done)(void *context), void *context)
{
    char path[64];
    bool idle = false;
    if (!atomic_compare_exchange_strong(&recording.busy, &idle, true)) {
        errno = EBUSY;
        return false;
    }
    static bool knows_forks; /* used by the caller that has set `busy` */
    if (!knows_forks)
        knows_forks = pthread_atfork(NULL, NULL, recording_after_fork_child) == 0;
    recording.file = memfd_create("weir-trace", MFD_CLOEXEC);
    recording.seconds = seconds;
    recording.done = done;
    recording.context = context;
    snprintf(path, sizeof path, "/proc/self/fd/%d", recording.file);
    bool traces = recording.file >= 0 && weir_trace_begin(path),
         started = traces && thread_start_detached(wait_and_end, STACK);
    int error = errno;
    if (started) {
        uncounted_began();
        return true;
    }
    if (traces)
        weir_trace_end();
    if (recording.file >= 0)
        close(recording.file);
    atomic_store(&recording.busy, false);
    errno = error;
    return false;
}

int recording_take(void)
{
    int file = recording.file;
    atomic_store(&recording.busy, false);
    return file;
}
