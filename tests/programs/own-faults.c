/* own-faults: a program that handles the page faults of its memory itself, by userfaultfd. What it provides
 * are pointers. Collections go on meanwhile. Prints nothing; status 1 when a block is lost, or the kernel refuses what it
 * otherwise grants; 77 where userfaultfd is not to be had. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096, PAGES = 100, ROUNDS = 40, SLOTS = PAGE / sizeof(void *) };

typedef struct block {
    uint64_t number, check;
} block_t;

static int faults;
static _Atomic int done;

static block_t *block_new(uint64_t number)
{
    block_t *block = malloc(sizeof *block);
    *block = (block_t){number, ~number};
    return block;
}

/* A page of pointers to new blocks for each page that is touched. */
static void *provide(void *argument)
{
    block_t **page = aligned_alloc(PAGE, PAGE);
    for (uint64_t number = 1;;) {
        struct pollfd file = {.fd = faults, .events = POLLIN};
        struct uffd_msg fault;
        if (poll(&file, 1, 10) < 1 || read(faults, &fault, sizeof fault) != sizeof fault) {
            if (done)
                return argument;
            continue;
        }
        for (size_t i = 0; i < SLOTS; i += 16)
            page[i] = block_new(number++);
        struct uffdio_copy copy = {
            .dst = fault.arg.pagefault.address & ~(uint64_t)(PAGE - 1), .src = (uintptr_t)page, .len = PAGE};
        CHECK(ioctl(faults, UFFDIO_COPY, &copy) == 0);
        memset(page, 0, PAGE);
    }
}

static void *drop(void *argument)
{
    char *volatile block;
    while (!done) {
        block = malloc(500);
        memset(block, 1, 500);
    }
    return argument;
}

static void own(void *memory, size_t bytes)
{
    struct uffdio_register range = {.range = {(uintptr_t)memory, bytes},
                                    .mode = UFFDIO_REGISTER_MODE_MISSING};
    CHECK(madvise(memory, bytes, MADV_DONTNEED) == 0);
    CHECK(ioctl(faults, UFFDIO_REGISTER, &range) == 0);
}

static void disown(void *memory, size_t bytes)
{
    struct uffdio_range range = {(uintptr_t)memory, bytes};
    CHECK(ioctl(faults, UFFDIO_UNREGISTER, &range) == 0);
}

static void check(block_t **slots)
{
    for (size_t i = 0; i < PAGES * SLOTS; i += 16) {
        CHECK(slots[i]->number == ~slots[i]->check);
        if (i % SLOTS)
            continue;
        free(slots[i]);
        slots[i] = block_new(i);
    }
}

int main(void)
{
    pthread_t threads[2];
    struct uffdio_api api = {.api = UFFD_API};
    alarm(HANG);
    CHECK(pthread_create(&threads[0], NULL, drop, NULL) == 0);
    usleep(20000); /* collections go on, perhaps one at this moment */
    faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1 /* UFFD_USER_MODE_ONLY */);
    if (faults < 0 || ioctl(faults, UFFDIO_API, &api) != 0)
        return 77;
    CHECK(pthread_create(&threads[1], NULL, provide, NULL) == 0);
    block_t **mapping = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < ROUNDS; i++) {
        own(mapping, PAGES * PAGE);
        check(mapping);
        disown(mapping, PAGES * PAGE);
        check(mapping);
    }
    done = 1;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
