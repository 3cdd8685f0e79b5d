/* check: see check.h. */
#include "pool/check.h"

#include <errno.h>
#include <string.h>

#include "pool/pool.h"
#include "runtime/base/text.h"
#include "runtime/config/options.h"
#include "runtime/debug/misuse.h"
#include "runtime/heap/heap.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAS_VALGRIND 1
#endif
#endif
#ifndef HAS_VALGRIND
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_MAKE_MEM_NOACCESS(p, size) ((void)(p), (void)(size))
#define VALGRIND_MAKE_MEM_DEFINED(p, size) ((void)(p), (void)(size))
#endif

/* Defined if the program is built with AddressSanitizer. */
extern void __asan_poison_memory_region(const volatile void *p, size_t size) __attribute__((weak));
extern void __asan_unpoison_memory_region(const volatile void *p, size_t size) __attribute__((weak));

/* Defined if the program runs under heaptrack: its heaptrack_report_alloc and heaptrack_report_free. */
extern void heaptrack_malloc(void *p, size_t size) __attribute__((weak));
extern void heaptrack_free(void *p) __attribute__((weak));

enum { BUCKETS = 1024, POISON = 0xd5 };
enum check_state { OUT, IN, IN_OLD /* IN since before the last cycle */, PENDING_DROP };

/* The record of an object. All fields but `copy` are under pools.lock; `copy` and the contents of the object
 * belong to the thread that puts or takes it. */
typedef struct check_record {
    struct check_record *next; /* in the bucket */
    char *object;
    enum check_state state;
    bool counted; /* in the pool's `pooled` */
    size_t size;  /* of the object; 0: not on weir's heap, and not poisoned */
    char *copy;   /* its contents while it is poisoned; NULL: it is not */
} check_record_t;

struct check {
    check_record_t *buckets[BUCKETS];
    uint64_t in, pending_drop; /* how many records are in these states */
    check_record_t *dropping;  /* in no bucket any more. Written by the dropper under pools.lock */
};

static bool heaptrack_is_there(void)
{
    return heaptrack_malloc && heaptrack_free;
}

bool check_is_wanted(void)
{
    if (options.poolcheck == OPTIONS_POOLCHECK_AUTO)
        return __asan_poison_memory_region || RUNNING_ON_VALGRIND || heaptrack_is_there();
    return options.poolcheck == OPTIONS_POOLCHECK_ON;
}

struct check *check_new(void)
{
    struct check *check = heap_manual(16, sizeof *check);
    if (check)
        memset(check, 0, sizeof *check);
    return check;
}

void check_free(struct check *check)
{
    for (size_t i = 0; check && i < BUCKETS; i++)
        for (check_record_t *record = check->buckets[i], *next; record; record = next) {
            next = record->next;
            heap_free(record);
        }
    heap_free(check);
}

static void report(const weir_pool *pool, const char *what, const check_record_t *record, const void *p,
                   const char *call)
{
    char room[96];
    text_t text = text_on(room, sizeof room);
    text_add_str(&text, call);
    if (pool->name[0]) {
        text_add_str(&text, ", pool ");
        text_add_quoted(&text, pool->name, strlen(pool->name));
    }
    misuse_report(what, p, record ? record->size : heap_cell_size(p), room);
}

/* --- poison --- */

static void poison(check_record_t *record)
{
    if (!record->size)
        return;
    if (__asan_poison_memory_region) {
        __asan_poison_memory_region(record->object, record->size);
        return;
    }
    if (!RUNNING_ON_VALGRIND && record->copy) {
        memcpy(record->copy, record->object, record->size);
        memset(record->object, POISON, record->size);
    }
    VALGRIND_MAKE_MEM_NOACCESS(record->object, record->size);
}

static bool is_poison(const char *p, size_t size)
{
    return (unsigned char)p[0] == POISON && memcmp(p, p + 1, size - 1) == 0;
}

/* Make the object what it was when it was put. False: it was written to in the pool. */
static bool unpoison(check_record_t *record)
{
    bool whole = true;
    if (!record->size)
        return true;
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(record->object, record->size);
    VALGRIND_MAKE_MEM_DEFINED(record->object, record->size);
    if (record->copy) {
        whole = is_poison(record->object, record->size);
        memcpy(record->object, record->copy, record->size);
        heap_free(record->copy);
        record->copy = NULL;
    }
    return whole;
}

/* Does poison take a copy of the contents? */
static bool needs_copy(void)
{
    return !__asan_poison_memory_region && !RUNNING_ON_VALGRIND;
}

/* --- records; under pools.lock --- */

static check_record_t **bucket_of(struct check *check, const void *p)
{
    return &check->buckets[(uintptr_t)p / 16 * 0x9e3779b97f4a7c15u >> 54];
}

static check_record_t **find(struct check *check, const void *p)
{
    check_record_t **at = bucket_of(check, p);
    while (*at && (*at)->object != p)
        at = &(*at)->next;
    return at;
}

static check_record_t *find_state(struct check *check, enum check_state state)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (check_record_t *record = check->buckets[i]; record; record = record->next)
            if (record->state == state)
                return record;
    return NULL;
}

/* The record of the address p: the one that it has, or else *fresh, which becomes NULL. NULL: there is
 * neither. */
static check_record_t *note(struct check *check, char *p, check_record_t **fresh)
{
    check_record_t **at = find(check, p);
    if (!*at && *fresh) {
        **fresh = (check_record_t){.object = p, .state = OUT};
        *at = *fresh;
        *fresh = NULL;
    }
    return *at;
}

/* --- heaptrack ---
 *
 * heaptrack is told of a get as of an allocation, and of a put as of a free. It is told only of objects on
 * weir's heap: those of another malloc it has seen itself. It is told without pools.lock, because a tool may
 * allocate. */

static void tell_got(void *p)
{
    if (heaptrack_is_there() && heap_cell_size(p))
        heaptrack_malloc(p, heap_usable_size(p));
}

/* Called before another thread can get the object. heaptrack knows nothing of an object that was never handed
 * out. */
static void tell_put(struct check *check, void *p)
{
    if (!heaptrack_is_there() || !heap_cell_size(p))
        return;
    lock_acquire(&pools.lock);
    const check_record_t *record = *find(check, p);
    bool was_got = record && record->state == OUT;
    lock_release(&pools.lock);
    if (was_got)
        heaptrack_free(p);
}

/* --- get --- */

/* Take an object out of the pool. Once it is OUT no other thread touches it. NULL: a miss. */
static check_record_t *take_checked(weir_pool *pool)
{
    struct check *check = pool->check;
    lock_acquire(&pools.lock);
    check_record_t *record = check->in ? find_state(check, IN) : NULL;
    if (!record && check->in)
        record = find_state(check, IN_OLD);
    if (record) {
        record->state = OUT;
        check->in--;
        if (record->counted)
            pool_uncount(pool, record->size);
        pool->common.hot.hits++;
        pool->common.given--;
    } else {
        pool->common.misses++;
    }
    lock_release(&pools.lock);
    return record;
}

static void *make(weir_pool *pool)
{
    char *p = pool_make_object(pool);
    check_record_t *fresh = p ? heap_manual(16, sizeof *fresh) : NULL;
    if (!p)
        return NULL;
    lock_acquire(&pools.lock);
    if (!note(pool->check, p, &fresh))
        pool->takes_any = true; /* without a record it cannot be told from a foreign object when it is put */
    lock_release(&pools.lock);
    heap_free(fresh);
    return p;
}

void *check_get(weir_pool *pool)
{
    check_record_t *record = take_checked(pool);
    void *p = record ? record->object : make(pool);
    if (record && !unpoison(record))
        report(pool, "write after put to", record, p, "weir_pool_get()");
    if (p)
        tell_got(p);
    return p;
}

/* --- put --- */

/* What is wrong with a put of the object with this record? `record` is NULL if it has none. Returns NULL if
 * nothing is wrong. */
static const char *wrong_with(const weir_pool *pool, const check_record_t *record)
{
    if (record && record->state != OUT)
        return "double put of";
    return !record && pool->new_object && !pool->takes_any ? "foreign object at" : NULL;
}

/* Take p into the pool, and return its record. NULL: *wrong says what is wrong, or there is no memory. */
static check_record_t *take_in(weir_pool *pool, char *p, check_record_t **fresh, char **copy,
                               const char **wrong)
{
    struct check *check = pool->check;
    check_record_t *record = *find(check, p);
    *wrong = wrong_with(pool, record);
    if (*wrong)
        return NULL;
    record = note(check, p, fresh);
    if (!record)
        return NULL;
    record->size = heap_cell_size(p) ? heap_usable_size(p) : 0;
    record->counted = pool->cap > 0;
    record->copy = *copy;
    *copy = NULL;
    poison(record);
    record->state = IN;
    check->in++;
    pool->common.given++;
    pool->common.sampled++;
    pool->common.sampled_bytes += record->size;
    return record;
}

/* Remove the record of an object that was handed out and is the pool's no more. */
static check_record_t *forget(struct check *check, const char *p)
{
    check_record_t **at = find(check, p), *record = *at;
    if (record)
        *at = record->next;
    return record;
}

/* Refuse p. Returns its record, which the caller has to free; *wrong: what is wrong with the put. Called
 * under pools.lock. */
static check_record_t *turn_away(weir_pool *pool, char *p, const char **wrong)
{
    *wrong = wrong_with(pool, *find(pool->check, p));
    return *wrong ? NULL : forget(pool->check, p);
}

bool check_put(weir_pool *pool, void *p, bool is_refused)
{
    const char *wrong = NULL;
    size_t size = heap_cell_size(p) ? heap_usable_size(p) : 0;
    check_record_t *fresh = heap_manual(16, sizeof *fresh);
    char *copy = size && needs_copy() ? heap_manual(16, size) : NULL;
    tell_put(pool->check, p);
    lock_acquire(&pools.lock);
    bool is_freed = pool->freed;
    is_refused = is_refused || (!is_freed && !pool_count(pool, size));
    check_record_t *gone = is_refused && !is_freed ? turn_away(pool, p, &wrong) : NULL;
    check_record_t *record = is_refused || is_freed ? NULL : take_in(pool, p, &fresh, &copy, &wrong);
    if (!is_refused && !is_freed && !record && pool->cap)
        pool_uncount(pool, size);
    lock_release(&pools.lock);
    heap_free(fresh);
    heap_free(copy);
    heap_free(gone);
    if (wrong)
        report(pool, wrong, NULL, p, "weir_pool_put()");
    else if (is_refused && !is_freed)
        pool_put_refused(pool, p);
    else if (!record && !is_freed)
        pool_put_unkept(pool, p);
    return !is_freed;
}

/* --- the cycle --- */

void check_age(struct check *check, bool all)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (check_record_t *record = check->buckets[i]; record; record = record->next) {
            if (record->state == IN_OLD || (all && record->state == IN)) {
                record->state = PENDING_DROP;
                check->in--;
                check->pending_drop++;
            } else if (record->state == IN) {
                record->state = IN_OLD;
            }
        }
}

/* An object that is poisoned has its pointers in the copy. */
void check_each_root(const struct check *check, void (*range)(uintptr_t from, uintptr_t to))
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (const check_record_t *record = check->buckets[i]; record; record = record->next) {
            if (record->state == OUT)
                continue;
            range((uintptr_t)&record->object, (uintptr_t)(&record->object + 1));
            if (record->copy)
                range((uintptr_t)record->copy, (uintptr_t)(record->copy + (record->size & ~(size_t)7)));
        }
    if (check->dropping)
        range((uintptr_t)&check->dropping->object, (uintptr_t)(&check->dropping->object + 1));
}

bool check_has_pending_drop(const struct check *check)
{
    return check->pending_drop > 0;
}

static check_record_t *take_pending_checked(struct check *check)
{
    lock_acquire(&pools.lock);
    check_record_t *record = check->pending_drop ? find_state(check, PENDING_DROP) : NULL;
    if (record) {
        *find(check, record->object) = record->next;
        check->pending_drop--;
    }
    check->dropping = record;
    lock_release(&pools.lock);
    return record;
}

void check_settle(weir_pool *pool)
{
    for (check_record_t *record; (record = take_pending_checked(pool->check)) != NULL;) {
        if (!unpoison(record))
            report(pool, "write after put to", record, record->object, "a cycle");
        if (record->counted)
            pool_uncount(pool, record->size);
        pool_drop(pool, record->object);
        heap_free(record);
    }
}
