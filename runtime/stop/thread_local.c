/* thread_local: see thread_local.h. */
#define _GNU_SOURCE
#include "runtime/stop/thread_local.h"

#include <dlfcn.h>
#include <pthread.h>

#include "runtime/os/os.h"
#include "runtime/os/self.h"

#ifdef __x86_64__

void thread_local_prepare(void)
{
}

uintptr_t thread_local_from(uintptr_t word, size_t static_below)
{
    return word - static_below;
}

uintptr_t thread_local_to(uintptr_t word)
{
    return word + OS_THREAD_RECORD;
}

#ifdef __GLIBC__
static uintptr_t record_of(uintptr_t word)
{
    return word;
}
#endif

#else

enum { UNKNOWN_STATIC = 16 }; /* the two words of the vector */
static size_t static_bytes = UNKNOWN_STATIC;

/* Ask glibc for the size of static thread-local memory, which includes what it keeps free for libraries that
 * are opened later. Sanitizers ask in the same way. */
void thread_local_prepare(void)
{
    size_t size, alignment;
    void (*ask)(size_t *, size_t *) = NULL;
    if (static_bytes == UNKNOWN_STATIC)
        *(void **)&ask = dlsym(RTLD_DEFAULT, "_dl_get_tls_static_info");
    if (ask) {
        ask(&size, &alignment);
        static_bytes = size;
    }
}

/* The distance of a thread's record from its word is the same for all threads. */
static uintptr_t record_of(uintptr_t word)
{
    return word - (os_thread_word() - (uintptr_t)pthread_self());
}

uintptr_t thread_local_from(uintptr_t word, size_t static_below)
{
    (void)static_below;
    return record_of(word);
}

uintptr_t thread_local_to(uintptr_t word)
{
    return word + static_bytes;
}

#endif

#ifdef __GLIBC__

/* An entry of a dynamic thread vector. The entry before the first holds the number of modules that the vector
 * has room for. */
typedef struct dtv_entry {
    uintptr_t block; /* NOT_YET: none, until the thread first uses it */
    uintptr_t to_free;
} dtv_entry_t;

#define NOT_YET UINTPTR_MAX

static const dtv_entry_t *vector_of(uintptr_t word)
{
#if defined(__x86_64__)
    enum { AT = 1 };
#else
    enum { AT = 0 };
#endif
    return ((const dtv_entry_t *const *)word)[AT];
}

uintptr_t thread_local_module(uintptr_t word, size_t module)
{
    const dtv_entry_t *vector = vector_of(word);
    if (!vector || module == 0 || module > vector[-1].block || vector[module].block == NOT_YET)
        return 0;
    return vector[module].block;
}

enum { KEYS = 32 /* of a block */, BLOCKS = 32, BLOCK_BYTES = KEYS * 2 * sizeof(uintptr_t) };

/* The distance from a thread's record to its array of blocks. No other word of the record points exactly one
 * block below itself, as the array's first word does. 0: not found. */
static size_t array_away(uintptr_t record)
{
    static _Atomic size_t known;
    for (size_t away = 0; !known && away + BLOCKS * sizeof record <= OS_THREAD_RECORD; away += sizeof record)
        if (*(const uintptr_t *)(record + away) == record + away - BLOCK_BYTES)
            known = away;
    return known;
}

void thread_local_each_values(uintptr_t word, void (*range)(uintptr_t from, uintptr_t to))
{
    uintptr_t record = record_of(word);
    size_t away = array_away(record);
    const uintptr_t *blocks = (const uintptr_t *)(record + away);
    for (size_t i = 1; away && i < BLOCKS; i++)
        if (blocks[i])
            range(blocks[i], blocks[i] + BLOCK_BYTES);
}

#else

uintptr_t thread_local_module(uintptr_t word, size_t module)
{
    (void)word, (void)module;
    return 0;
}

void thread_local_each_values(uintptr_t word, void (*range)(uintptr_t from, uintptr_t to))
{
    (void)word, (void)range;
}

#endif
