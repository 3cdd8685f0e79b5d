/* shared: see shared.h. The page is opened anew for each reading: a process id may be another process's by
 * then. */
#include "tools/weir/control/shared.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "runtime/http/shared_page.h"
#include "tools/weir/benchstat/memory.h"

enum { TIMEOUT_SECONDS = 2, TRIES = 100 };

/* The file among those that the process has open; -1: there is none. */
static int find(pid_t process)
{
    static const char wanted[] = "/memfd:" SHARED_PAGE_NAME;
    char folder[64], target[sizeof wanted + 16];
    int found = -1;
    snprintf(folder, sizeof folder, "/proc/%d/fd", (int)process);
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries != NULL && found < 0 && (entry = readdir(entries)) != NULL;) {
        ssize_t length = readlinkat(dirfd(entries), entry->d_name, target, sizeof target);
        if (length >= (ssize_t)sizeof wanted - 1 && memcmp(target, wanted, sizeof wanted - 1) == 0)
            found = openat(dirfd(entries), entry->d_name, O_RDWR | O_CLOEXEC);
    }
    if (entries != NULL)
        closedir(entries);
    return found;
}

/* Ask for a new text, and wait until it is there. False: the process does not answer in time. */
static bool ask(shared_page_t *page)
{
    struct timespec timeout = {.tv_sec = TIMEOUT_SECONDS};
    uint32_t number = atomic_fetch_add(&page->asked, 1) + 1, answered;
    shared_page_wake(&page->asked);
    while ((int32_t)((answered = atomic_load(&page->answered)) - number) < 0) {
        shared_page_wait(&page->answered, answered, &timeout);
        if (atomic_load(&page->answered) == answered)
            return false;
    }
    return true;
}

/* A copy of the text, made while the process did not write it (a seqlock). */
static char *copy(shared_page_t *page)
{
    for (int i = 0; i < TRIES; i++) {
        uint32_t before = atomic_load(&page->sequence), length = atomic_load(&page->length);
        if (before % 2 == 1 || length > SHARED_PAGE_ROOM)
            continue;
        char *text = memory_text(page->text, length);
        atomic_thread_fence(memory_order_acquire);
        if (length > 0 && atomic_load(&page->sequence) == before)
            return text;
        free(text);
    }
    return NULL;
}

char *shared_read(pid_t process)
{
    struct stat status;
    int file = find(process);
    if (file < 0)
        return NULL;
    shared_page_t *page = MAP_FAILED;
    if (fstat(file, &status) == 0 && status.st_size == SHARED_PAGE_SIZE)
        page = mmap(NULL, SHARED_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page == MAP_FAILED)
        return NULL;
    char *text = NULL;
    if (atomic_load(&page->version) == SHARED_PAGE_VERSION && ask(page))
        text = copy(page);
    munmap(page, SHARED_PAGE_SIZE);
    return text;
}
