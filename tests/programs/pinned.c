/* pinned: the kernel writes pointers into a block that io_uring has pinned, while collections go on. The pointers are then
 * nowhere else. Prints nothing; status 1 when a block is lost, 77 where io_uring is not to be had. */
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

enum { BYTES = 256 * 1024, SLOTS = 500, MOVES = 40 * 1000, PAGE = 4096 };

typedef struct block {
    uint64_t number, check;
} block_t;

static struct {
    int fd;
    char *rings;
    struct io_uring_sqe *entries;
    struct io_uring_params params;
} ring;
static char *pinned; /* BYTES; a block */
static _Atomic int done;

static int ring_open(void)
{
    ring.fd = (int)syscall(SYS_io_uring_setup, 1, &ring.params);
    if (ring.fd < 0 || !(ring.params.features & IORING_FEAT_SINGLE_MMAP))
        return 0;
    size_t size = ring.params.cq_off.cqes + ring.params.cq_entries * sizeof(struct io_uring_cqe);
    size_t other = ring.params.sq_off.array + ring.params.sq_entries * sizeof(uint32_t);
    ring.rings = mmap(NULL, size > other ? size : other, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd,
                      IORING_OFF_SQ_RING);
    ring.entries =
        mmap(NULL, sizeof *ring.entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQES);
    pinned = aligned_alloc(PAGE, BYTES);
    memset(pinned, 0, BYTES);
    struct iovec buffer = {pinned, BYTES};
    return ring.rings != MAP_FAILED && (void *)ring.entries != MAP_FAILED &&
           syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &buffer, 1) == 0;
}

static uint32_t *word_of(uint32_t offset)
{
    return (uint32_t *)(ring.rings + offset);
}

/* Read into the pinned block. */
static void ring_read(int file, void *to, size_t size)
{
    uint32_t tail = *word_of(ring.params.sq_off.tail);
    *ring.entries = (struct io_uring_sqe){.opcode = IORING_OP_READ_FIXED,
                                          .fd = file,
                                          .addr = (uintptr_t)to,
                                          .len = (uint32_t)size,
                                          .off = (uint64_t)-1};
    word_of(ring.params.sq_off.array)[tail & *word_of(ring.params.sq_off.ring_mask)] = 0;
    __atomic_store_n(word_of(ring.params.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
    CHECK(syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
    uint32_t head = *word_of(ring.params.cq_off.head);
    struct io_uring_cqe *ended = (struct io_uring_cqe *)(ring.rings + ring.params.cq_off.cqes);
    CHECK(ended[head & *word_of(ring.params.cq_off.ring_mask)].res == (int)size);
    __atomic_store_n(word_of(ring.params.cq_off.head), head + 1, __ATOMIC_RELEASE);
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

static block_t *block_new(uint64_t number)
{
    block_t *block = malloc(sizeof *block);
    *block = (block_t){number, ~number};
    return block;
}

/* From a word of another block through a pipe into the pinned one; every second time a program's way back. */
static void move(block_t **slots, block_t **places, int pipes[2], size_t i)
{
    if (slots[i]) {
        CHECK(write(pipes[1], &slots[i], sizeof slots[i]) == sizeof slots[i]);
        ring_read(pipes[0], &places[i], sizeof places[i]);
        CHECK(places[i] == slots[i]);
        slots[i] = NULL;
    } else {
        CHECK(places[i]->number == ~places[i]->check);
        slots[i] = block_new(places[i]->number + SLOTS);
        free(places[i]);
    }
}

int main(void)
{
    pthread_t thread;
    int pipes[2];
    alarm(HANG);
    if (!ring_open() || pipe(pipes) != 0)
        return 77;
    block_t **slots = calloc(SLOTS, sizeof *slots), **places = (block_t **)pinned;
    for (size_t i = 0; i < SLOTS; i++)
        slots[i] = block_new(i);
    CHECK(pthread_create(&thread, NULL, drop, NULL) == 0);
    for (size_t i = 0; i < MOVES; i++)
        move(slots, places, pipes, i * 7 % SLOTS);
    done = 1;
    pthread_join(thread, NULL);
    return 0;
}
