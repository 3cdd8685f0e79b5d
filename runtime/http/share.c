/* share: see share.h. */
#define _GNU_SOURCE
#include "runtime/http/share.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "runtime/http/samples.h"
#include "runtime/http/shared_page.h"
#include "runtime/http/thread.h"
#include "runtime/os/uncounted.h"

enum { STACK = 128 * 1024 };

static struct {
    shared_page_t *page;
    int file;
} share = {.file = -1};

static void publish(shared_page_t *page)
{
    text_t text = text_on(page->text, SHARED_PAGE_ROOM);
    pthread_mutex_lock(&samples_mutex);
    samples_t samples = samples_read();
    atomic_fetch_add(&page->sequence, 1);
    atomic_thread_fence(memory_order_release);
    samples_add_numbers(&text, &samples);
    atomic_store(&page->length, text.truncated ? 0 : (uint32_t)text.length);
    atomic_fetch_add(&page->sequence, 1);
    pthread_mutex_unlock(&samples_mutex);
}

static void *serve(void *unused)
{
    shared_page_t *page = share.page;
    uint32_t answered = 0;
    (void)unused;
    for (;;) {
        uint32_t asked;
        while ((asked = atomic_load(&page->asked)) == answered)
            shared_page_wait(&page->asked, asked, NULL);
        publish(page);
        answered = asked;
        atomic_store(&page->answered, answered);
        shared_page_wake(&page->answered);
        nanosleep(&(struct timespec){.tv_nsec = SHARED_PAGE_REST_NS}, NULL);
    }
    return NULL;
}

/* A child of fork has no such thread. So it gives the page up: a reader that looks for the child's page then
 * does not find its parent's. */
static void share_after_fork_child(void)
{
    if (!share.page)
        return;
    munmap(share.page, SHARED_PAGE_SIZE);
    close(share.file);
    share.page = NULL;
}

size_t share_start(void)
{
    int file = memfd_create(SHARED_PAGE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        return 0;
    /* Sealed: a reader that made the file shorter would kill the process. */
    void *page = MAP_FAILED;
    if (ftruncate(file, SHARED_PAGE_SIZE) == 0 &&
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        page = mmap(NULL, SHARED_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) {
        close(file);
        return 0;
    }
    share.page = page;
    share.file = file;
    pthread_atfork(NULL, NULL, share_after_fork_child);
    if (thread_start_detached(serve, STACK)) {
        uncounted_began();
    } else {
        share_after_fork_child();
        return 0;
    }
    atomic_store(&share.page->version, SHARED_PAGE_VERSION);
    return SHARED_PAGE_SIZE;
}
