/* weir/profile.h: the heap profile: who allocated the memory that is in use.
 *
 * A program that is started with WEIR_PROFILE=FILE samples its allocations, once in 512 KiB on average
 * (WEIR_PROFILE_RATE). The profile can be written at any time, in the format of `go tool pprof` and `weir
 * report`; libweir-malloc.so also writes it at exit. docs/profile.md has all of it.
 *
 * Any thread may call these. Neither allocates from the heap. Only one profile is written at a time.
 */
#ifndef WEIR_PROFILE_H
#define WEIR_PROFILE_H

#include <stdbool.h>

#include <weir/api.h>

WEIR_API_BEGIN

/* Write the profile as it is now to a file, which is replaced as a whole once the new one is complete. NULL:
 * to the file that WEIR_PROFILE names. False, and errno says why it was not written: ENOTSUP, the program was
 * not started with WEIR_PROFILE; EBUSY, another thread is writing one; ENOMEM; or what open, write, close and
 * rename say. */
WEIR_API bool weir_profile_write(const char *path) WEIR_NOEXCEPT;

/* Write it to a descriptor, from where that stands; it stays open. The same errors; after one, a part may
 * have been written. */
WEIR_API bool weir_profile_write_fd(int fd) WEIR_NOEXCEPT;

WEIR_API_END

#endif
