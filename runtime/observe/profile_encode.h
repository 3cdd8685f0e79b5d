/* profile_encode: the heap profile as a profile.proto, the format of `go tool pprof` and of others
 * (https://github.com/google/pprof/blob/main/proto/profile.proto).
 *
 * The values of a sample are alloc_objects, alloc_space, inuse_objects, inuse_space, in Go's order, scaled
 * to the whole program; the last is the default. A site becomes several samples, told apart by labels: one
 * of what is in use, and one for each lifetime of what is not:
 *
 *     bytes      of each block
 *     requested  bytes that the program asked for, on average: the rest of the block is lost to rounding
 *     lifetime   "<1ms", …; nothing of what is in use
 *     passed     bytes that the process allocated while such a block lived, on average
 *     stack      "cut", if the outermost frame is missing
 *
 * With WEIR_DEBUG=escape=1 one for each way of being freed (runtime/profile/escape.h), with more labels:
 *
 *     escape     "frame", "thread", "unknown", "moved"
 *     frame      of "frame": the innermost that may outlive the blocks; 0 is the innermost of the sample
 *     free       the address there of the call that freed them
 *     changed    bit n: frame n had other contents when they were freed
 *     returned   1: what that frame called then has returned
 *     place      a number of the stack, whatever the size. Of all its samples: least, most (bytes requested),
 *                live, live_bytes (most at once), grown, emptied; of realloc chains, links, copied,
 *                final_least, final_most (bytes)
 *
 * Addresses have no names: the tool finds them in the files that the mappings name.
 */
#ifndef WEIR_OBSERVE_PROFILE_ENCODE_H
#define WEIR_OBSERVE_PROFILE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on the files that the code comes from are known, if they cannot be found out when a profile is
 * encoded: the process may have another root then, or be forbidden to read. */
void profile_encode_prepare(void);

/* Encode the profile as it is now into memory that os_reserve gives; *reserved is to be given back by
 * os_unreserve. NULL: there is no memory for it. Not `wait`: NULL as well if another thread, or what a signal
 * interrupts, is at the profile. One caller at a time. */
uint8_t *profile_encode(bool wait, size_t *length, size_t *reserved);

#endif
