/* trace_file: see trace_file.h. */
#define _GNU_SOURCE
#include "runtime/observe/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/filter.h"
#include "runtime/config/options.h"
#include "runtime/observe/file_name.h"
#include "runtime/observe/trace_record.h"
#include "runtime/os/lock.h"
#include "runtime/os/os.h"
#include "runtime/threads/fork.h"

enum { BUFFER = 32 * 1024, FLUSH_NS = 10 * 1000 * 1000, LEAST_DESCRIPTOR = 200 };

/* What only a process with a trace needs. It is taken at the first opening and kept: in .data it would count
 * against RLIMIT_DATA in each process. */
typedef struct room {
    file_name_t names;
    char path[PATH_MAX];
    char buffers[2][BUFFER];
} room_t;

/* Under the lock. While a buffer is being written, that buffer and the descriptor belong to the thread that
 * writes it. */
static struct {
    lock_t lock;
    room_t *room;   /* NULL before the first opening; is_open implies that there is one */
    int descriptor; /* -1: the file is not open yet, in a child of fork */
    dev_t device;
    ino_t inode; /* what the descriptor was opened for */
    bool is_open, is_writing;
    uint32_t filling; /* which of the buffers */
    size_t length;    /* of that one */
    uint64_t written; /* bytes of the file, with those that are being written */
    uint64_t dropped, flushed_ns;
    void (*first)(void);
} file = {.lock = LOCK_INIT(LOCK_RANK_TRACE), .descriptor = -1};

/* --- the descriptor --- */

/* Does the program's filter (seccomp) permit the system calls that write a trace? False, and errno. */
static bool is_permitted(void)
{
    if (filter_permits(FILTER_GROWING | FILTER_FILES))
        return true;
    errno = EPERM;
    return false;
}

/* Open the path, if it is a regular file to which no other process writes a trace. -1 and errno. */
static int open_alone(const char *path)
{
    int low = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
    if (low < 0)
        return -1;
    int opened = fcntl(low, F_DUPFD_CLOEXEC, LEAST_DESCRIPTOR);
    if (opened < 0)
        opened = low; /* no descriptor that high is allowed */
    else
        close(low);
    struct stat is;
    bool is_file = fstat(opened, &is) == 0 && S_ISREG(is.st_mode);
    if (is_file && flock(opened, LOCK_EX | LOCK_NB) == 0 && ftruncate(opened, 0) == 0) {
        file.device = is.st_dev;
        file.inode = is.st_ino;
        return opened;
    }
    int error = is_file ? errno : EINVAL;
    close(opened);
    errno = error;
    return -1;
}

/* Under the lock. */
static bool open_named(void)
{
    if (!is_permitted())
        return false;
    text_t path = text_on(file.room->path, sizeof file.room->path);
    file_name_expand(&file.room->names, 1, &path);
    file.descriptor = open_alone(file.room->path);
    if (file.descriptor < 0 && errno == EWOULDBLOCK) {
        text_add_char(&path, '.');
        text_add_u64(&path, (uint64_t)getpid());
        file.descriptor = open_alone(file.room->path);
    }
    return file.descriptor >= 0;
}

static bool is_still_ours(void)
{
    struct stat is;
    return fstat(file.descriptor, &is) == 0 && is.st_dev == file.device && is.st_ino == file.inode;
}

/* A write beyond the limit would raise SIGXFSZ, which ends a program. */
static bool is_allowed(uint64_t end)
{
    struct rlimit size;
    return getrlimit(RLIMIT_FSIZE, &size) != 0 || end <= size.rlim_cur;
}

/* Write all of it behind the first `size` bytes of the file, or nothing: half a record would make the
 * array invalid. */
static bool write_whole(const char *from, size_t length, uint64_t size)
{
    if (!is_permitted())
        return false;
    if (!is_still_ours() || !is_allowed(size + length)) {
        errno = is_still_ours() ? EFBIG : EBADF;
        return false;
    }
    for (size_t done = 0; done < length;) {
        ssize_t some = write(file.descriptor, from + done, length - done);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0) {
            int error = some < 0 ? errno : ENOSPC;
            if (ftruncate(file.descriptor, (off_t)size) != 0) {
                /* then the last record is cut: readers skip it */
            }
            errno = error;
            return false;
        }
        done += (size_t)some;
    }
    return true;
}

/* --- the buffers; under the lock --- */

static bool has_room(size_t length)
{
    return file.length + length <= BUFFER &&
           file.written + file.length + length <= (uint64_t)options.trace_size;
}

static void buffer_add(const char *chars, size_t length)
{
    memcpy(file.room->buffers[file.filling] + file.length, chars, length);
    file.length += length;
}

/* The end of the trace, because of an error. */
static void give_up(void)
{
    file_name_report("no more of the trace", file.room->path);
    if (is_permitted() && is_still_ours())
        close(file.descriptor);
    file.descriptor = -1;
    file.is_open = false;
}

/* A child of fork begins its file at its first record. */
static bool descriptor_ready(void)
{
    if (file.descriptor >= 0 || open_named())
        return true;
    give_up();
    return false;
}

/* Releases the lock while it writes. */
static void write_filled(void)
{
    if (file.is_writing || file.length == 0 || !file.is_open || !descriptor_ready())
        return;
    uint64_t size = file.written;
    size_t length = file.length;
    const char *from = file.room->buffers[file.filling];
    file.is_writing = true;
    file.filling = !file.filling;
    file.length = 0;
    file.written += length;
    lock_release(&file.lock);
    bool done = write_whole(from, length, size);
    int error = errno;
    lock_acquire(&file.lock);
    file.is_writing = false;
    errno = error;
    if (!done && file.is_open)
        give_up();
}

/* --- the entries --- */

void trace_file_add(const text_t *record)
{
    lock_acquire(&file.lock);
    if (file.is_open && has_room(record->length + 2)) {
        bool is_first = file.written == 0 && file.length == 0;
        buffer_add(is_first ? "[\n" : ",\n", 2);
        buffer_add(record->start, record->length);
    } else {
        file.dropped += file.is_open;
    }
    lock_release(&file.lock);
}

void trace_file_flush(uint64_t ns, bool now)
{
    lock_acquire(&file.lock);
    if (now || file.length > BUFFER / 2 || ns - file.flushed_ns > FLUSH_NS) {
        file.flushed_ns = ns;
        write_filled();
    }
    lock_release(&file.lock);
}

bool trace_file_is_open(void)
{
    lock_acquire(&file.lock);
    bool is_open = file.is_open;
    lock_release(&file.lock);
    return is_open;
}

static bool before_fork(void)
{
    return lock_acquire_soon(&file.lock);
}

/* In the child: the descriptor is the parent's, and the parent writes the records that are not yet
 * written. */
static void after_fork(bool child)
{
    bool begins = child && lock_may_repair(&file.lock) && file.is_open && is_permitted();
    if (begins) {
        if (file.descriptor >= 0 && is_still_ours())
            close(file.descriptor);
        file.descriptor = -1;
        file.is_writing = false;
        file.length = file.written = file.dropped = 0;
    }
    lock_after_fork(&file.lock, child);
    if (begins)
        file.first();
}

/* Under the lock. */
static bool room_ready(void)
{
    if (!file.room)
        file.room = os_take(os_page_up(sizeof *file.room));
    return file.room != NULL;
}

bool trace_file_open(const char *path, void (*first)(void))
{
    fork_call(LOCK_RANK_TRACE, before_fork, after_fork);
    lock_acquire(&file.lock);
    bool is_free = !file.is_open, done = false;
    if (is_free && !room_ready()) {
        file_name_report("no trace", path);
    } else if (is_free) {
        file_name_settle(&file.room->names, path);
        file.length = file.written = file.dropped = 0;
        file.first = first;
        done = file.is_open = open_named();
        if (!done)
            file_name_report("no trace", file.room->path);
    }
    lock_release(&file.lock);
    if (done)
        first();
    else if (!is_free)
        errno = EBUSY;
    return done;
}

/* Under the lock. The bracket is written even if the file has reached its size limit. */
static bool write_end(void)
{
    char room[TRACE_RECORD + 8];
    text_t end = text_on(room, sizeof room);
    if (file.dropped > 0) {
        text_add_str(&end, ",\n");
        record_begin(&end, 'i', "records dropped", os_now_ns(), TRACE_WORLD);
        record_add_number(&end, "count", file.dropped);
        record_end(&end);
    }
    text_add_str(&end, "\n]\n");
    return write_whole(end.start, end.length, file.written);
}

bool trace_file_close(void)
{
    lock_acquire(&file.lock);
    while (file.is_writing) { /* another thread */
        lock_release(&file.lock);
        os_yield();
        lock_acquire(&file.lock);
    }
    bool has_begun = file.descriptor >= 0; /* a child of fork in which nothing happened leaves no file */
    if (has_begun)
        write_filled();
    bool done = file.is_open && (!has_begun || write_end());
    if (file.is_open && !done)
        give_up();
    if (file.is_open && file.descriptor >= 0)
        close(file.descriptor);
    file.descriptor = -1;
    file.is_open = false;
    lock_release(&file.lock);
    return done;
}
