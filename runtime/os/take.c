/* take: os_take of os.h. It has a file of its own so that a test can wrap the two calls and refuse them. */
#include <errno.h>

#include "runtime/os/os.h"

void *os_take(size_t size)
{
    void *memory = os_reserve(size, OS_PAGE);
    if (!memory || os_commit(memory, size))
        return memory;
    int error = errno;
    os_unreserve(memory, size);
    errno = error;
    return NULL;
}
