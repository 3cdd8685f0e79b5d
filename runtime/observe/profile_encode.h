/* profile_encode: the heap profile as a profile.proto, the format of `go tool pprof` and of others
 * (https://github.com/google/pprof/blob/main/proto/profile.proto).
 *
 * The values of a sample are alloc_objects, alloc_space, inuse_objects, inuse_space, in Go's order, scaled to
 * the whole program; the last is the default. A site becomes several samples, told apart by labels: one for
 * the blocks in use, and one for each lifetime of blocks that were freed:
 *
 *     bytes      of each block
 *     requested  bytes that the program asked for, on average: the rest of the block is lost to rounding
 *     lifetime   "<1ms", …; blocks in use have none
 *     passed     bytes that the process allocated while such a block lived, on average
 *     stack      "cut", if the outermost frame is missing
 *     pool, arena, budget    the name of the owner, if there is one
 *
 * With WEIR_DEBUG=escape=1 there is one sample for each way in which blocks were freed
 * (runtime/profile/escape.h), with more labels:
 *
 *     escape     "frame", "thread", "unknown", "moved"
 *     frame      of "frame": the innermost frame that may outlive the blocks; 0 is the sample's innermost
 *     free       the address in that frame of the call that freed the blocks
 *     changed    bit n: frame n had other contents when the blocks were freed
 *     returned   1: it is proved that the function which that frame called at the allocation has returned
 *     place      a number of the stack of calls, whatever the size. More labels count over all its samples:
 *                least, most (bytes requested), live, live_bytes (the most at once), grown, emptied; and over
 *                its realloc chains: chains, links, copied, final_least, final_most (escape_place_t)
 *
 * Addresses have no names: the tool finds them in the files that the mappings name.
 */
#ifndef WEIR_OBSERVE_PROFILE_ENCODE_H
#define WEIR_OBSERVE_PROFILE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read the list of the files that the code comes from. Reading it may be impossible later, when a profile is
 * encoded: the process may have another root directory then, or may not be allowed to read. */
void profile_encode_prepare(void);

/* Encode the present profile into memory of os_take; the caller gives its *reserved bytes back by
 * os_unreserve. NULL: there is no memory for it. Without `wait` also NULL if another thread, or the code that
 * a signal has interrupted, uses the profile. One caller at a time. */
uint8_t *profile_encode(bool wait, size_t *length, size_t *reserved);

#endif
