/* side_table: the records attached to collected objects: finalizers, cleanups, weak references, entries of
 * weak maps.
 *
 * Records lie in the runtime's own memory, which is no root. A record is found by the address of its object,
 * in a hash table with chains; all records are in one array, which doubles as needed. A record's place in the
 * array is its number; 0 is none. Records of dead objects are taken out before the world starts again, so
 * every address in the table is that of an allocated object.
 *
 *     buckets   hash(object) --> number --> number --> 0          by next and prev
 *     records   | - | finalizer | free | entry | ...              a free one is linked by next
 *     strong    | - |  context  |   0  |   0   | ...              beside the records, two words each: the
 *                                                                   only part that is a root
 *
 * A record that waits for the finalizer thread (finalize.h) is in no chain.
 *
 * Everything is read and written under one lock, inside a no-stop section (world.h). So no stopped thread
 * holds the lock, and in the stopped world the collector uses the table without it.
 */
#ifndef WEIR_GC_CELLS_SIDE_TABLE_H
#define WEIR_GC_CELLS_SIDE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum side_kind {
    SIDE_NONE, /* a free record */
    SIDE_FINALIZER,
    SIDE_CLEANUP,
    SIDE_REFERENCE, /* the object's weir_weak */
    SIDE_ENTRY,     /* of a weak map; the object is the key */
    SIDE_MAP,       /* the object is a weir_weak_map */
};

typedef struct side_record {
    uintptr_t object; /* its start */
    union {
        void (*finalizer)(void *object, void *context);
        void (*cleanup)(void *argument); /* NULL: stopped while it waited */
        uintptr_t *reference;            /* the word of the weir_weak */
        uintptr_t map;                   /* of an entry */
        size_t entries;                  /* of a map */
    };
    uintptr_t value;     /* of an entry; of a reference: the offset of its target in the object */
    uint32_t next, prev; /* in the bucket; next: also in the queue, or in the free list */
    union {
        uint32_t map_next; /* entries of one map */
        uint32_t first;    /* of a map: its first entry */
    };
    uint32_t map_prev;
    uint32_t wake_next;  /* while marking: see ephemeron.h */
    uint32_t generation; /* uses of this record, so that an old handle is told from a new one */
    uint8_t kind;        /* enum side_kind */
    bool dead;           /* decided in the stopped world: see death.h */
    bool lost;           /* likewise, of an entry: its key was not reached before finalizers were followed */
} side_record_t;

/* The strong references: two words that are roots. */
typedef struct strong {
    const void *argument; /* of a finalizer or cleanup */
    const void *object;   /* that waits for its finalizer */
} strong_t;

/* Numbers below this one have been used. 0 as long as nothing was ever attached. */
uint32_t side_table_end(void);
side_record_t *side_table_at(uint32_t number);
strong_t *side_table_strong(uint32_t number);

/* False: the thread has no heap, and there is no memory for one. */
bool side_table_lock(void);
void side_table_unlock(void);

/* --- under the lock, or in the stopped world --- */

/* Attach a new record to the object, and flag the object's span. 0: out of memory. */
uint32_t side_table_add(uintptr_t object, enum side_kind kind);
/* The records of an object, one after the other: `after` 0 for the first. 0: no more. */
uint32_t side_table_next_of(uintptr_t object, uint32_t after);
/* The first of the kind. */
uint32_t side_table_find(uintptr_t object, enum side_kind kind);
/* Take the record out of its chain: it is attached to nothing any more. */
void side_table_unhook(uint32_t number);
/* Free a record that was unhooked. */
void side_table_free(uint32_t number);
static inline void side_table_drop(uint32_t number)
{
    side_table_unhook(number);
    side_table_free(number);
}
/* Attach the record to another object. */
void side_table_move(uint32_t number, uintptr_t object);

/* The words that are roots. */
void side_table_roots(uintptr_t *from, uintptr_t *to);

bool side_table_before_fork(void);
void side_table_after_fork(bool child);
/* May the child use the table: was no change to the records interrupted? See lock_may_repair. */
bool side_table_may_repair(void);

#endif
