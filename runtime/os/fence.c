/* fence: see fence.h. */
#include "runtime/os/fence.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base/filter.h"

static bool cheap; /* written once, by fence_init */

static bool membarrier(int command)
{
    int saved = errno;
    bool done = syscall(SYS_membarrier, command, 0, 0) == 0;
    errno = saved;
    return done;
}

void fence_init(void)
{
    cheap = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

bool fence_is_cheap(void)
{
    return cheap;
}

bool fence_works(void)
{
    return !cheap || filter_permits(FILTER_FENCE);
}

/* The registration is inherited by fork, so once granted the command does not fail. */
void fence_cold(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (cheap && filter_permits(FILTER_FENCE))
        membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}
