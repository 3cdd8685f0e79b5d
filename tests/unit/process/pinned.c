/* pinned: the buffers of io_uring. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/process/pinned.h"

Test(pinned, registered_buffers_are_pinned)
{
    static char memory[64 * 1024];
    struct io_uring_params params = {0};
    struct iovec buffer = {memory, sizeof memory};
    errno = 5;
    cr_expect_not(pinned_is_any());
    int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
    if (ring < 0 || syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) != 0)
        cr_skip_test("no io_uring here");
    errno = 5;
    cr_expect(pinned_is_any());
    cr_expect_eq(errno, 5, "it keeps errno");
    close(ring);
}
