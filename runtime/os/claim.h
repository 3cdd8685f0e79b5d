/* claim: addresses set aside for a table that grows, without a mapping behind them.
 *
 * What is reserved by mapping it inaccessible is counted by others: by RLIMIT_AS, by mlockall, by gcore,
 * which writes it out. So only what is used is mapped, piece by piece, at addresses where no other code maps
 * anything. On x86-64 the kernel loads programs from 2/3 of the addresses upwards, and places mappings
 * downwards from below the stack, or, with an unlimited stack, upwards from 1/3; each may be moved by up to
 * 16 TiB at random:
 *
 *     0                2aaa..3aaa       5555..6555        6800     7000       6fff..7fff
 *     |      ...       | upwards ->     | program, brk ->  | zone  |        <- mappings | stack
 *
 * Sanitizers, JavaScript engines and runtimes that choose addresses themselves choose others. A piece is
 * mapped with MAP_FIXED_NOREPLACE: where another mapping is nevertheless, it is refused, and that one stays
 * whole. Where no piece can be had there (ThreadSanitizer and valgrind allow no program that), a claim is a
 * reservation as before.
 *
 * May be called by any thread. */
#ifndef WEIR_OS_CLAIM_H
#define WEIR_OS_CLAIM_H

#include <stdbool.h>
#include <stddef.h>

/* Addresses for `size` bytes, aligned (a power of two of at least a page); they are the runtime's own
 * (own.h). For good. NULL: there are none. */
void *claim(size_t size, size_t alignment);
/* Is the claim reserved, and so counted by RLIMIT_AS in full? */
bool claim_is_reserved(const void *start);

/* Is a piece of a claim free, which nothing of ours is in yet? False, and errno: another mapping is there
 * (EEXIST), or the kernel does not say. */
bool claim_is_free(void *start, size_t size);
/* Have a piece of a claim, which nothing was mapped into so far, readable, writable and zero. False, and
 * errno: the kernel refused it, or another mapping is there (EEXIST). */
bool claim_map(void *start, size_t size);
/* As if the piece had never been mapped. False: it is as it was. */
bool claim_unmap(void *start, size_t size);

#endif
