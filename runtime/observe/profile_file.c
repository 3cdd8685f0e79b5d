/* profile_file: see profile_file.h. */
#define _GNU_SOURCE
#include "runtime/observe/profile_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/heap/profile.h"
#include "runtime/observe/file_name.h"
#include "runtime/observe/gzip.h"
#include "runtime/observe/profile_encode.h"
#include "runtime/os/options.h"
#include "runtime/os/os.h"
#include "runtime/os/text.h"

static struct {
    file_name_t names;                        /* no pattern: there is no profile to be written */
    char name[PATH_MAX], temporary[PATH_MAX]; /* of the file that is being written */
    uint32_t number;
    atomic_flag busy;
    _Atomic bool signalled; /* a signal came at a bad moment */
} file = {.busy = ATOMIC_FLAG_INIT};

/* --- writing --- */

static bool write_encoded(int fd, bool wait)
{
    size_t length, reserved;
    uint8_t *bytes = profile_encode(wait, &length, &reserved);
    if (!bytes) {
        errno = wait ? ENOMEM : EBUSY;
        return false;
    }
    bool written = gzip_write(fd, bytes, length);
    int error = errno;
    os_unreserve(bytes, reserved);
    errno = error;
    return written;
}

/* Under a name beside it first. */
static bool write_file(const char *path, bool wait)
{
    text_t temporary = text_on(file.temporary, sizeof file.temporary);
    text_add_str(&temporary, path);
    text_add_str(&temporary, ".part.");
    text_add_u64(&temporary, (uint64_t)getpid());
    if (temporary.truncated) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(file.temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    bool done = write_encoded(fd, wait);
    int error = errno;
    done = close(fd) == 0 && done && rename(file.temporary, path) == 0;
    if (!done) {
        error = error ? error : errno;
        unlink(file.temporary);
        errno = error;
    }
    return done;
}

static bool write_named(const char *path, bool wait)
{
    errno = 0;
    if (!path) {
        text_t name = text_on(file.name, sizeof file.name);
        file_name_expand(&file.names, file.number, &name);
        path = file.name;
    }
    file.number++;
    bool done = write_file(path, wait);
    if (!done && errno != EBUSY)
        file_name_report("no heap profile", path);
    return done;
}

static bool begin(void)
{
    bool is_busy = profile_is_on() && atomic_flag_test_and_set(&file.busy);
    if (profile_is_on() && !is_busy) {
        if (!file.names.pattern[0]) /* linked, and not swapped in */
            file_name_settle(&file.names, (const char *)(intptr_t)options.profile);
        return true;
    }
    errno = is_busy ? EBUSY : ENOTSUP;
    return false;
}

bool profile_file_write(const char *path)
{
    if (!begin())
        return false;
    bool done = write_named(path, true);
    atomic_flag_clear(&file.busy);
    return done;
}

bool profile_file_write_fd(int fd)
{
    if (!begin())
        return false;
    bool done = write_encoded(fd, true);
    atomic_flag_clear(&file.busy);
    return done;
}

/* --- when --- */

/* What the signal interrupts may be at the profile: then the next sample writes it. */
static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    if (!begin()) {
        file.signalled = true;
    } else {
        file.signalled = !write_named(NULL, false) && errno == EBUSY;
        atomic_flag_clear(&file.busy);
    }
    errno = saved;
}

/* Called outside of locks by the thread that has just allocated a sample, when the heap has grown or the
 * limit was passed. */
static void on_growth(void)
{
    int saved = errno;
    profile_file_write(NULL);
    errno = saved;
}

static bool is_signalled(void)
{
    return atomic_load_explicit(&file.signalled, memory_order_relaxed) &&
           atomic_exchange(&file.signalled, false);
}

static void prepare_signal(void)
{
    int number = options.profilesignal < NSIG ? (int)options.profilesignal : 0;
    struct sigaction has, handler = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigfillset(&handler.sa_mask);
    if (options.profilesignal == 0)
        return;
    if (number == 0 || sigaction(number, NULL, &has) != 0 || has.sa_handler != SIG_DFL ||
        sigaction(number, &handler, NULL) != 0)
        text_say(
            "weir: WEIR_DEBUG=profilesignal: the signal cannot be had; there is a profile at exit only\n");
}

void profile_file_prepare(void)
{
    int saved = errno;
    if (options.profile != 0 && options.leaks)
        text_say("weir: WEIR_PROFILE: not together with WEIR_DEBUG=leaks=1; there is no profile\n");
    if (profile_is_on()) {
        file_name_settle(&file.names, (const char *)(intptr_t)options.profile);
        profile_watch(on_growth, is_signalled);
        prepare_signal();
    }
    errno = saved;
}

void profile_file_at_exit(void)
{
    if (file.names.pattern[0])
        profile_file_write(NULL);
}
