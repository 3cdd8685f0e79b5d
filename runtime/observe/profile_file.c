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
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/base/text.h"
#include "runtime/config/options.h"
#include "runtime/observe/file_name.h"
#include "runtime/observe/gzip.h"
#include "runtime/observe/profile_encode.h"
#include "runtime/os/mask.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "runtime/profile/profile.h"

static struct {
    file_name_t names;                        /* no pattern: there is no profile to be written */
    char name[PATH_MAX], temporary[PATH_MAX]; /* of the file that is being written */
    uint32_t number;
    _Atomic int writer;          /* the process that writes; 0: none. A child of fork inherits its parent's */
    _Atomic bool has_complained; /* the last one failed, with a line on stderr: further ones fail silently */
    _Atomic bool signalled;      /* a signal came while the profile was in use */
} file;

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

/* System calls are made directly, since the C library's functions are cancellation points. If the program has
 * closed a standard stream, the file is opened under its number, and moved to a higher one: otherwise the
 * program's output would go into the file. */
static int open_profile(const char *path)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int other = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int saved = errno;
    syscall(SYS_close, fd);
    errno = saved;
    return other;
}

static bool close_file(int fd)
{
    return syscall(SYS_close, fd) == 0;
}

static bool rename_file(const char *from, const char *to)
{
    return syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to) == 0;
}

static void remove_file(const char *path)
{
    syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* The file is written under a temporary name beside `path`, then renamed. */
static bool write_file(const char *path, bool wait)
{
    text_t temporary = text_on(file.temporary, sizeof file.temporary);
    text_add_str(&temporary, path);
    text_add_str(&temporary, ".part.");
    text_add_u64(&temporary, (uint64_t)os_process_id());
    if (temporary.truncated) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open_profile(file.temporary);
    if (fd < 0)
        return false;
    bool done = write_encoded(fd, wait);
    int error = errno;
    done = close_file(fd) && done && rename_file(file.temporary, path);
    if (!done) {
        error = error ? error : errno;
        remove_file(file.temporary);
        errno = error;
    }
    return done;
}

/* A write beyond RLIMIT_FSIZE fails with EFBIG and raises SIGXFSZ, which would end the process. So the
 * pending signal is taken away, unless the program itself has blocked it. */
static void drop_size_signal(uint64_t blocked_before)
{
    const uint64_t set = (uint64_t)1 << (SIGXFSZ - 1);
    const struct timespec no_time = {0};
    int saved = errno;
    if (!(blocked_before & set))
        syscall(SYS_rt_sigtimedwait, &set, NULL, &no_time, sizeof set);
    errno = saved;
}

/* Signals are blocked meanwhile: a handler that forks would leave the child in the middle of the parent's
 * file. */
static bool write_undisturbed(const char *path, bool wait)
{
    uint64_t before = os_block_signals();
    bool done = write_file(path, wait);
    if (!done && errno == EFBIG)
        drop_size_signal(before);
    int error = errno;
    os_restore_signals(before);
    errno = error;
    return done;
}

/* When several profiles fail in a row, only the first failure is reported. */
static void note_outcome(bool done, const char *path)
{
    bool is_failure = !done && errno != EBUSY;
    if (is_failure && !atomic_exchange(&file.has_complained, true))
        file_name_report("no heap profile", path);
    if (done)
        atomic_store(&file.has_complained, false);
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
    bool done = write_undisturbed(path, wait);
    note_outcome(done, path);
    return done;
}

/* Become the writer, unless another thread of this process is. The number of another process was inherited by
 * fork: that process writes a file of its own. */
static bool take_writer(int self)
{
    int writer = 0;
    return atomic_compare_exchange_strong(&file.writer, &writer, self) ||
           (writer != self && atomic_compare_exchange_strong(&file.writer, &writer, self));
}

static bool begin(void)
{
    if (!profile_is_on()) {
        errno = ENOTSUP;
        return false;
    }
    if (!filter_permits(FILTER_FILES)) {
        errno = EPERM;
        note_outcome(false, file.names.pattern);
        return false;
    }
    if (!take_writer(os_process_id())) {
        errno = EBUSY;
        return false;
    }
    if (!file.names.pattern[0]) /* without the swap-in: no profile_file_prepare */
        file_name_settle(&file.names, (const char *)(intptr_t)options.profile);
    return true;
}

static void end(void)
{
    file.writer = 0;
}

bool profile_file_write(const char *path)
{
    if (!begin())
        return false;
    bool done = write_named(path, true);
    end();
    return done;
}

bool profile_file_write_fd(int fd)
{
    if (!begin())
        return false;
    bool done = write_encoded(fd, true);
    end();
    return done;
}

/* --- when --- */

/* If the profile is in use, by the interrupted code or by another thread, the thread that allocates the next
 * sample writes the file. */
static void on_signal(int number)
{
    (void)number;
    int saved = errno;
    if (!begin()) {
        file.signalled = errno == EBUSY;
    } else {
        file.signalled = !write_named(NULL, false) && errno == EBUSY;
        end();
    }
    errno = saved;
}

/* Called by the thread that has just allocated a sample, with no lock held, when a profile is due
 * (profile_watch). */
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
            "weir: WEIR_DEBUG=profilesignal: the signal cannot be used; there is a profile at exit only\n");
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
        profile_encode_prepare();
    }
    errno = saved;
}

/* Another thread may be writing a profile, and would end with the process. So this waits until it has
 * written, but not for ever: a disk may hang. */
void profile_file_at_exit(void)
{
    enum { WAITS = 10000 };
    const struct timespec one_ms = {.tv_nsec = 1000000};
    bool done = !file.names.pattern[0];
    for (int i = 0; !done && i < WAITS; i++) {
        errno = 0;
        done = profile_file_write(NULL) || errno != EBUSY;
        if (!done)
            nanosleep(&one_ms, NULL);
    }
    if (!done)
        file_name_report("no heap profile at exit", file.names.pattern);
}
