/* profile_file: when heap profiles are written, and where to: WEIR_PROFILE=FILE.
 *
 *     at exit                    WEIR_PROFILE
 *     at a signal                WEIR_DEBUG=profilesignal=N
 *     as the live heap grows     WEIR_PROFILE_GROWTH=256MiB, each time that so much more is in use: the last
 *                                snapshot before the kernel kills the process is the one that tells why
 *     at the soft limit          when it is passed first
 *     when the program asks      weir_profile_write
 *
 * In the name %p is the process, %n the number of the profile. A profile of the same name is replaced in one
 * step, by renaming, so there is never half a file under the name. If the name has no %p, a child of fork
 * appends its process id. The thread that finds a profile due writes it, with no lock held. At the signal the
 * handler writes it or, if the profile is in use then, the thread that allocates the next sample.
 */
#ifndef WEIR_OBSERVE_PROFILE_FILE_H
#define WEIR_OBSERVE_PROFILE_FILE_H

#include <stdbool.h>

/* Fix the name while the working directory is the one that the user meant, and install the handler of the
 * signal. Called once, after options_load. */
void profile_file_prepare(void);
void profile_file_at_exit(void);

/* Write a profile. NULL: under the name of WEIR_PROFILE. False, and errno: it could not be written; EBUSY,
 * another thread is writing one; ENOTSUP, there is no profile. */
bool profile_file_write(const char *path);
/* To a descriptor, which stays open. */
bool profile_file_write_fd(int fd);

#endif
