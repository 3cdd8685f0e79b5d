/* protect: the calls by which a program changes the access to its pages. The runtime has to know when these
 * are pages of the heap: malloc/shield.h. Most calls are about other memory, and cost one comparison more.
 *
 * A collection loads from objects while the program runs. So before a page of a collected object becomes
 * unreadable, the object is hidden, with no trace under way:
 *
 *     forbid collecting; hide the object; make the page unreadable; allow collecting
 *
 * May be called in signal handlers, as in the C library, where the page faults that a program provokes are
 * handled. If the interrupted code may hold a lock that the steps need, the object is hidden when the next
 * trace begins.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/gc/cells/collected.h"
#include "runtime/gc/cycle/gc.h"
#include "runtime/malloc/shield.h"
#include "runtime/swap/swap.h"

/* Newer than the headers that this may be built with: Linux 6.13. */
enum { MADV_GUARD_INSTALL_ = 102 };

typedef struct request {
    long number;
    void *start;
    size_t size;
    long how, key;
} request_t;

static int make(const request_t *request)
{
    return (int)syscall(request->number, request->start, request->size, request->how, request->key);
}

static int make_hidden(const request_t *request, span_t *span)
{
    gc_forbid_begin();
    collected_hide(span);
    int result = make(request);
    gc_forbid_end();
    return result;
}

/* Is it scanned as an object, and can that be changed? The kind tells, and not the flag: another thread may
 * be waiting to hide the object. An object with a type stays as it is. */
static bool is_to_be_hidden(const span_t *span)
{
    return span->kind == KIND_SCAN ||
           (span->kind == KIND_KEPT && !collected_has_flag(span, COLLECTED_HIDDEN));
}

/* takes_some: pages lose access that the heap's have; hides: even that to read them. */
static int change(const request_t *request, bool takes_some, bool hides)
{
    uintptr_t from = (uintptr_t)request->start, to;
    bool is_ours = takes_some && region_owns(request->start) &&
                   !__builtin_add_overflow(from, request->size, &to) && request->size > 0;
    span_t *span = is_ours ? shield_find(from, to) : NULL;
    if (!span)
        return make(request);
    bool is_hiding = hides && is_to_be_hidden(span);
    if (is_hiding && swap_may_wait())
        return make_hidden(request, span);
    shield_note(span, is_hiding);
    return make(request);
}

EXPORT int mprotect(void *start, size_t size, int access)
{
    const request_t request = {SYS_mprotect, start, size, access, 0};
    return change(&request, (access & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE),
                  !(access & PROT_READ));
}

/* A key may take the access away later, by the program's registers, which the collector does not have. */
EXPORT int pkey_mprotect(void *start, size_t size, int access, int key)
{
    const request_t request = {SYS_pkey_mprotect, start, size, access, key};
    bool has_key = key > 0;
    return change(&request, has_key || (access & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE),
                  has_key || !(access & PROT_READ));
}

/* What a child of fork does not get is unreadable there. */
EXPORT int madvise(void *start, size_t size, int advice)
{
    const request_t request = {SYS_madvise, start, size, advice, 0};
    bool hides = advice == MADV_GUARD_INSTALL_ || advice == MADV_DONTFORK;
    return change(&request, hides || advice == MADV_WIPEONFORK, hides);
}
