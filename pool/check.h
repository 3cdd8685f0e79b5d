/* check: pools that watch their objects, for WEIR_DEBUG=poolcheck=1, AddressSanitizer, valgrind and
 * heaptrack.
 *
 * A checked pool has no magazines. It has a record, under pools.lock, of each object that is in it or was
 * handed out. So a double put, and a put of what is not the pool's, are found at once (a pool without
 * new_object, and those of buffers, take anything). While an object is in the pool, its contents are kept in
 * a copy, and the object itself is filled with poison, which has to be whole when the object leaves: a write
 * after the put is found at the next get, and a read yields nonsense. Under AddressSanitizer or valgrind the
 * object is out of bounds instead, and these tools report at the access. heaptrack is told of each get and
 * put, as of an allocation and a free.
 */
#ifndef WEIR_POOL_CHECK_H
#define WEIR_POOL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct weir_pool;
struct check;

/* Is the next pool to be a checked one? */
bool check_is_wanted(void);
/* NULL: out of memory. */
struct check *check_new(void);
/* NULL is allowed. The pool holds nothing any more. */
void check_free(struct check *check);

/* weir_pool_get and weir_pool_put of a checked pool; is_refused: the program refuses p. False: the pool is
 * freed, and p is still the caller's. */
void *check_get(struct weir_pool *pool);
bool check_put(struct weir_pool *pool, void *p, bool is_refused);

/* Age the objects at a cycle; `all`: make everything pending drop. Called under pools.lock. */
void check_age(struct check *check, bool all);
/* With the world stopped: what the pool holds, as the collector's roots. */
void check_each_root(const struct check *check, void (*range)(uintptr_t from, uintptr_t to));
bool check_has_pending_drop(const struct check *check);
/* Drop what is pending drop. Without the lock. */
void check_settle(struct weir_pool *pool);

#endif
