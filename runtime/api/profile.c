/* profile: the public functions for the heap profile. */
#include <weir/profile.h>

#include "runtime/observe/profile_file.h"

bool weir_profile_write(const char *path)
{
    return profile_file_write(path);
}

bool weir_profile_write_fd(int fd)
{
    return profile_file_write_fd(fd);
}
