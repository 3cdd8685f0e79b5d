/* operator_new: the operators new and delete of C++ over the heap, in C, under their mangled names (Itanium
 * C++ ABI, 5.1.5, for a size_t that is unsigned long).
 *
 * The library must not need libstdc++: most programs it is preloaded into are C. The operators need it only
 * when memory has run out, and look up its functions then: in the libraries the program was started with, or,
 * where a C program has loaded a C++ library later (Python and its extensions), in the libstdc++ that came
 * with it. They follow the standard's loop ([new.delete.single]): call the new handler and try again, until
 * there is memory or no handler; then throw std::bad_alloc, which unwinds through this file (-fexceptions).
 *
 * The nothrow forms must turn an exception of the handler into NULL, and C cannot catch. libstdc++ can: its
 * own nothrow forms call the throwing form, which is ours, inside of try and catch. So when there is a
 * handler, the nothrow forms here call those of libstdc++.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <unistd.h>

#include "runtime/base/text.h"
#include "runtime/cells/heap_call.h"
#include "runtime/heap/calls.h"
#include "runtime/heap/heap.h"
#include "runtime/os/os.h"
#include "runtime/swap/swap.h"

typedef void (*new_handler)(void);

static COLD void *cxx_function(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function != NULL)
        return function;
    void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL)
        return NULL;
    function = dlsym(library, name);
    dlclose(library);
    return function;
}

static COLD new_handler current_new_handler(void)
{
    new_handler (*get_new_handler)(void) = (new_handler(*)(void))cxx_function("_ZSt15get_new_handlerv");
    return get_new_handler != NULL ? get_new_handler() : NULL;
}

static COLD _Noreturn void throw_bad_alloc(size_t size)
{
    void (*throw)(void) = (void (*)(void))cxx_function("_ZSt17__throw_bad_allocv");
    if (throw != NULL)
        throw();
    char room[160];
    text_t line = text_on(room, sizeof room);
    text_add_str(&line, "weir: out of memory in operator new of ");
    text_add_u64(&line, size);
    text_add_str(&line, " bytes, in a process without a C++ library to throw std::bad_alloc\n");
    text_flush(&line, STDERR_FILENO);
    os_abort();
}

/* The first try has failed. */
static COLD void *new_or_throw(size_t size, size_t alignment, enum heap_call call)
{
    for (;;) {
        new_handler handler = current_new_handler();
        if (handler == NULL)
            throw_bad_alloc(size);
        handler();
        void *p = heap_aligned_as(alignment, size, call);
        if (p != NULL)
            return p;
    }
}

static inline void *new_plain(size_t size, enum heap_call call)
{
    void *p = heap_malloc_as(size, call);
    return LIKELY(p != NULL) ? p : new_or_throw(size, 1, call);
}

static inline void *new_aligned(size_t size, size_t alignment, enum heap_call call)
{
    if (UNLIKELY(!swap_is_power_of_two(alignment)))
        throw_bad_alloc(size);
    void *p = heap_aligned_as(alignment, size, call);
    return LIKELY(p != NULL) ? p : new_or_throw(size, alignment, call);
}

typedef void *nothrow_form(size_t size, const void *nothrow);
typedef void *aligned_nothrow_form(size_t size, size_t alignment, const void *nothrow);

static COLD void *new_or_null(size_t size, const void *nothrow, const char *name)
{
    nothrow_form *form = current_new_handler() != NULL ? (nothrow_form *)cxx_function(name) : NULL;
    return form != NULL ? form(size, nothrow) : NULL;
}

static COLD void *new_aligned_or_null(size_t size, size_t alignment, const void *nothrow, const char *name)
{
    aligned_nothrow_form *form =
        current_new_handler() != NULL ? (aligned_nothrow_form *)cxx_function(name) : NULL;
    return form != NULL ? form(size, alignment, nothrow) : NULL;
}

static inline void *new_nothrow(size_t size, enum heap_call call, const void *nothrow, const char *name)
{
    void *p = heap_malloc_as(size, call);
    return LIKELY(p != NULL) ? p : new_or_null(size, nothrow, name);
}

static inline void *new_aligned_nothrow(size_t size, size_t alignment, enum heap_call call,
                                        const void *nothrow, const char *name)
{
    if (UNLIKELY(!swap_is_power_of_two(alignment)))
        return NULL;
    void *p = heap_aligned_as(alignment, size, call);
    return LIKELY(p != NULL) ? p : new_aligned_or_null(size, alignment, nothrow, name);
}

/* The declaration of an operator, and the head of its definition. */
#define OPERATOR(result, name, parameters)                                                                   \
    EXPORT result name parameters;                                                                           \
    EXPORT result name parameters

/* All forms of one new and its delete; in the names, m is the size, the rest the types of the parameters. */
#define OPERATORS(new, delete, call)                                                                         \
    OPERATOR(void *, new##m, (size_t size))                                                                  \
    {                                                                                                        \
        return new_plain(size, call);                                                                        \
    }                                                                                                        \
    OPERATOR(void *, new##mRKSt9nothrow_t, (size_t size, const void *nothrow))                               \
    {                                                                                                        \
        return new_nothrow(size, call, nothrow, #new "mRKSt9nothrow_t");                                     \
    }                                                                                                        \
    OPERATOR(void *, new##mSt11align_val_t, (size_t size, size_t alignment))                                 \
    {                                                                                                        \
        return new_aligned(size, alignment, call);                                                           \
    }                                                                                                        \
    OPERATOR(void *, new##mSt11align_val_tRKSt9nothrow_t,                                                    \
             (size_t size, size_t alignment, const void *nothrow))                                           \
    {                                                                                                        \
        return new_aligned_nothrow(size, alignment, call, nothrow, #new "mSt11align_val_tRKSt9nothrow_t");   \
    }                                                                                                        \
    OPERATOR(void, delete##Pv, (void *p))                                                                    \
    {                                                                                                        \
        heap_free_as(p, call);                                                                               \
    }                                                                                                        \
    OPERATOR(void, delete##PvRKSt9nothrow_t, (void *p, const void *nothrow))                                 \
    {                                                                                                        \
        (void)nothrow;                                                                                       \
        heap_free_as(p, call);                                                                               \
    }                                                                                                        \
    OPERATOR(void, delete##Pvm, (void *p, size_t size))                                                      \
    {                                                                                                        \
        heap_free_sized_as(p, size, call);                                                                   \
    }                                                                                                        \
    OPERATOR(void, delete##PvSt11align_val_t, (void *p, size_t alignment))                                   \
    {                                                                                                        \
        (void)alignment;                                                                                     \
        heap_free_as(p, call);                                                                               \
    }                                                                                                        \
    OPERATOR(void, delete##PvSt11align_val_tRKSt9nothrow_t,                                                  \
             (void *p, size_t alignment, const void *nothrow))                                               \
    {                                                                                                        \
        (void)alignment, (void)nothrow;                                                                      \
        heap_free_as(p, call);                                                                               \
    }                                                                                                        \
    OPERATOR(void, delete##PvmSt11align_val_t, (void *p, size_t size, size_t alignment))                     \
    {                                                                                                        \
        (void)alignment;                                                                                     \
        heap_free_sized_as(p, size, call);                                                                   \
    }

OPERATORS(_Znw, _Zdl, HEAP_CALL_NEW)
OPERATORS(_Zna, _Zda, HEAP_CALL_NEW_ARRAY)
