/* shared_page: the memory that a process with a Unix socket shares with `weir top`: its figures, as text.
 *
 *     weir top                                the process's thread for it
 *     --------                                ---------------------------
 *     asked += 1, wake                ---->   sleeps on `asked`; sees that it has changed
 *     sleeps on `answered`                    sequence odd, text, length, sequence even
 *     copies the text; tries again if         answered = what `asked` was before, wake
 *     `sequence` is odd or changed <----      sleeps again
 *
 * While no process asks, nothing runs. The process reads nothing here but `asked`. So all that a reader can
 * do to it is to make it work, at most once in SHARED_PAGE_REST_NS. The page is a memfd (SHARED_PAGE_NAME)
 * that is sealed against shrinking. Readers find it in /proc, where the kernel lets only the user's own
 * processes open it. No thread of the program waits for it.
 */
#ifndef WEIR_HTTP_SHARED_PAGE_H
#define WEIR_HTTP_SHARED_PAGE_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SHARED_PAGE_NAME "weir-figures"

enum { SHARED_PAGE_SIZE = 64 * 1024, SHARED_PAGE_VERSION = 1, SHARED_PAGE_REST_NS = 20 * 1000 * 1000 };

typedef struct shared_page {
    _Atomic uint32_t version;  /* SHARED_PAGE_VERSION; written once, last */
    _Atomic uint32_t asked;    /* readers count it up */
    _Atomic uint32_t answered; /* the process: the value of `asked` that the text answers */
    _Atomic uint32_t sequence; /* the process: odd while it writes `length` and `text` */
    _Atomic uint32_t length;
    char text[]; /* a JSON object: all metrics that are numbers, by their names */
} shared_page_t;

enum { SHARED_PAGE_ROOM = SHARED_PAGE_SIZE - sizeof(shared_page_t) };

/* Futexes between processes: the runtime's own are private to one process. */
static inline void shared_page_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *timeout)
{
    syscall(SYS_futex, word, FUTEX_WAIT, value, timeout, NULL, 0);
}

static inline void shared_page_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

#endif
