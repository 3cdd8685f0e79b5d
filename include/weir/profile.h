/* weir/profile.h: the heap profile: which calls allocated the memory that is in use.
 *
 * In a program that is started with WEIR_PROFILE=FILE allocations are sampled, one in 512 KiB on average
 * (WEIR_PROFILE_RATE). The profile can be written at any time, in the format of `go tool pprof` and `weir
 * report`; libweir-malloc.so also writes it at exit. docs/profile.md has all of it.
 *
 * Any thread may call these functions. Neither allocates from the heap. Only one profile is written at a
 * time.
 */
#ifndef WEIR_PROFILE_H
#define WEIR_PROFILE_H

#include <stdbool.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* Write the present profile to a file. The file is replaced as a whole when the new profile is complete.
 * NULL: the file that WEIR_PROFILE names. False: it was not written, and errno says why: ENOTSUP, the program
 * was not started with WEIR_PROFILE; EBUSY, another thread is writing a profile; ENOMEM; or the errno of
 * open, write, close or rename. */
WEIR_API bool weir_profile_write(const char *path) WEIR_NOEXCEPT;

/* Write it to a descriptor, at its present position; the descriptor stays open. The errors are the same;
 * after an error a part of the profile may have been written. */
WEIR_API bool weir_profile_write_fd(int fd) WEIR_NOEXCEPT;

WEIR_API_END

#endif
