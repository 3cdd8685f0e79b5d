/* claim: addresses set aside for a table that grows. Nothing is mapped at them until it is needed.
 *
 * Addresses that are reserved by an inaccessible mapping have a cost: RLIMIT_AS and mlockall count them, and
 * gcore writes them out. So only the pieces in use are mapped, at addresses where no other code maps
 * anything. On x86-64 the kernel loads programs from 2/3 of the address space upwards. It places mappings
 * downwards from below the stack, or upwards from 1/3 if the stack is unlimited. It moves each of these by up
 * to 16 TiB at random. Claims lie in the zone:
 *
 *     0                2aaa..3aaa       5555..6555        6800     7000       6fff..7fff
 *     |      ...       | upwards ->     | program, brk ->  | zone  |        <- mappings | stack
 *
 * Sanitizers, JavaScript engines and other runtimes that choose addresses themselves do not use the zone. A
 * piece is mapped with MAP_FIXED_NOREPLACE: if another mapping is there nevertheless, the kernel refuses and
 * that mapping stays whole. Where no program can map anything in the zone (under ThreadSanitizer and
 * valgrind), a claim is an inaccessible mapping (os_reserve).
 *
 * May be called by any thread. */
#ifndef WEIR_OS_CLAIM_H
#define WEIR_OS_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

/* Set addresses for `size` bytes aside, for good. `alignment` is a power of two, at least a page. The
 * addresses count as the runtime's own (own.h). NULL: there are none. */
void *claim(size_t size, size_t alignment);
/* Is the claim an inaccessible mapping, which RLIMIT_AS counts in full? */
bool claim_is_reserved(const void *start);

/* Is a piece of a claim free of other code's mappings? The runtime must not have mapped anything in it yet.
 * False, with errno: another mapping is there (EEXIST), or the kernel refused to say. */
bool claim_is_free(void *start, size_t size);
/* Make a piece of a claim, in which nothing is mapped yet, readable, writable and zero. False, with errno:
 * the kernel refused, or another mapping is there (EEXIST). */
bool claim_map(void *start, size_t size);
/* Undo claim_map: the piece is as it was before. False: nothing has changed. */
bool claim_unmap(void *start, size_t size);

#endif
