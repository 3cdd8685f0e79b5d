/* sizes LIST: every function of the library at the edges of its sizes, counts and alignments.
 *
 * LIST comes from the headers and from the library's symbols, a line each: the function's name, and 1 if a
 * parameter is a number, else 0. A function that has a number and no row here is an error, so that a new
 * function cannot be forgotten.
 *
 * A row calls its function with sizes at 0, 1, the ends of size classes, PTRDIFF_MAX +- k and SIZE_MAX - k,
 * and, where there are two numbers, with their pairs. What it asks for:
 *
 *     up to 1 MiB                  given, aligned, errno kept; all of it is written
 *     beyond any address space     NULL and ENOMEM (or what the manual says)
 *     between the two              not tried: it would be the machine that is tested
 *
 * and that an object of the same kind which was there before is untouched, and the one that comes after lies
 * elsewhere.
 */
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <malloc.h>
#include <map>
#include <new>
#include <string>
#include <vector>

#include <weir.h>

static const size_t GIVEN = (size_t)1 << 20, IMPOSSIBLE = (size_t)1 << 47;
static const char *current;

static void die(const char *what, size_t a, size_t b)
{
    fprintf(stderr, "sizes: %s(%#zx, %#zx): %s (errno %d)\n", current, a, b, what, errno);
    exit(1);
}

static std::vector<size_t> make_sizes()
{
    std::vector<size_t> sizes = {0, 1, 2, 15, 16, 17, 100, 4096, 32768, 32769, 65536, 65537, GIVEN};
    for (size_t k = 0; k <= 80; k++)
        for (size_t size : {SIZE_MAX - k, (size_t)PTRDIFF_MAX - k, (size_t)PTRDIFF_MAX + k})
            sizes.push_back(size);
    for (size_t k :
         {(size_t)4095, (size_t)4096, (size_t)65535, (size_t)65536, (size_t)2 << 20, (size_t)4 << 20})
        for (size_t size : {SIZE_MAX - k, (size_t)PTRDIFF_MAX - k, (size_t)PTRDIFF_MAX + k})
            sizes.push_back(size);
    for (unsigned shift = 47; shift < 64; shift++)
        sizes.push_back((size_t)1 << shift);
    return sizes;
}
static const std::vector<size_t> sizes = make_sizes();
/* Values of which pairs are made. */
static const std::vector<size_t> factors = {0,
                                            1,
                                            8,
                                            17,
                                            100,
                                            4096,
                                            32769,
                                            GIVEN,
                                            (size_t)1 << 32,
                                            ((size_t)1 << 32) + 1,
                                            (size_t)1 << 62,
                                            (size_t)1 << 63,
                                            SIZE_MAX / 3,
                                            SIZE_MAX / 3 + 1,
                                            SIZE_MAX,
                                            SIZE_MAX - 1,
                                            SIZE_MAX - 14,
                                            SIZE_MAX - 15,
                                            SIZE_MAX - 16,
                                            SIZE_MAX - 31,
                                            SIZE_MAX - 4095,
                                            SIZE_MAX - 65535,
                                            (size_t)PTRDIFF_MAX,
                                            (size_t)PTRDIFF_MAX + 1,
                                            (size_t)PTRDIFF_MAX + 2,
                                            (size_t)PTRDIFF_MAX - 1,
                                            (size_t)PTRDIFF_MAX - 15,
                                            (size_t)PTRDIFF_MAX - 4095,
                                            (size_t)PTRDIFF_MAX - 65536};

using allocate = std::function<void *(size_t)>;
using release = std::function<void(void *)>;

/* One call; `bytes` is what it asks for. */
static void one(size_t a, size_t b, size_t bytes, size_t alignment, const std::function<void *()> &call,
                const allocate &plain, const release &give)
{
    char *before = (char *)plain(32);
    if (!before)
        die("an object of 32 bytes before it was refused", a, b);
    memset(before, 'b', 32);
    errno = 77;
    char *p = (char *)call();
    int error = errno;
    if (p && bytes >= IMPOSSIBLE)
        die("was given what does not exist", a, b);
    if (!p && bytes <= GIVEN && alignment <= GIVEN)
        die("was refused", a, b);
    if (p ? error != 77 : error != ENOMEM)
        die("has the wrong errno", a, b);
    if (p && (uintptr_t)p % alignment)
        die("is not aligned", a, b);
    if (p && bytes <= GIVEN)
        memset(p, 'p', bytes);
    char *after = (char *)plain(32);
    if (!after)
        die("an object of 32 bytes after it was refused", a, b);
    memset(after, 'a', 32);
    for (size_t i = 0; i < 32; i++)
        if (before[i] != 'b' || (p && i < bytes && bytes <= GIVEN && p[i] != 'p'))
            die("lies where another object is", a, b);
    give(before);
    give(after);
    if (p)
        give(p);
}

static void by_size(const allocate &call, const release &give)
{
    for (size_t size : sizes)
        one(
            size, 0, size, 16, [&] { return call(size); }, call, give);
}

static void by_product(const std::function<void *(size_t, size_t)> &call, const allocate &plain,
                       const release &give)
{
    for (size_t count : factors)
        for (size_t size : factors) {
            size_t bytes;
            if (__builtin_mul_overflow(count, size, &bytes))
                bytes = SIZE_MAX;
            if (bytes > GIVEN && bytes < IMPOSSIBLE)
                continue;
            one(
                count, size, bytes, 16, [&] { return call(count, size); }, plain, give);
        }
}

/* `invalid`: what errno is for an alignment that is not a power of two; 0: any alignment is rounded up. */
static void by_alignment(const std::function<void *(size_t, size_t)> &call, const allocate &plain,
                         const release &give, int invalid)
{
    std::vector<size_t> alignments = factors;
    for (unsigned shift = 0; shift < 64; shift++)
        alignments.push_back((size_t)1 << shift);
    for (size_t alignment : alignments) {
        bool power = alignment && !(alignment & (alignment - 1));
        for (size_t size : factors) {
            if (std::max(size, alignment) > GIVEN && std::max(size, alignment) < IMPOSSIBLE)
                continue;
            if (power) {
                size_t bytes = alignment >= IMPOSSIBLE ? SIZE_MAX : size;
                one(
                    alignment, size, bytes, alignment < IMPOSSIBLE ? alignment : 1,
                    [&] { return call(alignment, size); }, plain, give);
                continue;
            }
            errno = 77;
            void *p = call(alignment, size);
            if (invalid && (p || errno != invalid))
                die("takes an alignment that is not a power of two", alignment, size);
            if (p && (size >= IMPOSSIBLE || alignment >= IMPOSSIBLE ||
                      (uintptr_t)p % (alignment ? alignment & -alignment : 1)))
                die("was given what does not exist, or not aligned", alignment, size);
            if (p)
                give(p);
        }
    }
}

/* `call` resizes an object of 100 bytes made by plain. */
static void by_resize(const std::function<void *(void *, size_t)> &call, const allocate &plain,
                      const release &give, bool zero_frees)
{
    for (size_t size : sizes) {
        char *p = (char *)plain(100), *other = (char *)plain(32);
        memset(p, 'p', 100);
        memset(other, 'o', 32);
        errno = 77;
        char *q = (char *)call(p, size);
        if (size == 0 && zero_frees) {
            if (q || errno != 77)
                die("of 0 bytes is not free", size, 0);
            give(other);
            continue;
        }
        if (q ? size >= IMPOSSIBLE || errno != 77 : size <= GIVEN || errno != ENOMEM)
            die("has the wrong result or errno", size, 0);
        char *now = q ? q : p;
        for (size_t i = 0; i < 100 && (!q || i < size); i++)
            if (now[i] != 'p')
                die("lost its contents", size, 0);
        if (q && size <= GIVEN)
            memset(q, 'q', size);
        for (size_t i = 0; i < 32; i++)
            if (other[i] != 'o')
                die("overwrites another object", size, 0);
        give(now);
        give(other);
    }
}

static void keep(void *)
{
}

/* --- rows --- */

static void nothing()
{
} /* for a number that is not tried: no size, count or alignment, or with no edges */

static const char text[] = "0123456789";

template <typename New> static void operators(New make, const release &give)
{
    by_size(
        [&](size_t size) -> void * {
            try {
                return make(size);
            } catch (const std::bad_alloc &) {
                errno = ENOMEM;
                return NULL;
            }
        },
        give);
}

template <typename New> static void aligned_operators(New make, const release &give)
{
    auto caught = [&](size_t alignment, size_t size) -> void * {
        try {
            return make(size, (std::align_val_t)alignment);
        } catch (const std::bad_alloc &) {
            errno = ENOMEM;
            return NULL;
        }
    };
    by_alignment(
        caught, [&](size_t size) { return caught(16, size); }, give, ENOMEM);
}

/* Calls with an arena of their own, emptied now and then. */
static void in_arena(const std::function<void(weir_arena *)> &run)
{
    weir_arena_options limited = {}, caller = {};
    static char block[4096];
    limited.limit = 64 << 20;
    caller.first_block = block;
    caller.first_block_size = sizeof block;
    for (weir_arena_options *options : {(weir_arena_options *)NULL, &limited, &caller}) {
        weir_arena *arena = weir_arena_new(options);
        run(arena);
        weir_arena_free(arena);
    }
}

static void arena_by_size(void *(*call)(weir_arena *, size_t))
{
    in_arena([&](weir_arena *arena) { by_size([&](size_t size) { return call(arena, size); }, keep); });
}

static void shared_by_size(void *(*call)(weir_shared_arena *, size_t))
{
    weir_shared_arena *arena = weir_shared_arena_new(NULL);
    by_size([&](size_t size) { return call(arena, size); }, keep);
    weir_shared_arena_free(arena);
}

static void arena_options(const std::function<bool(const weir_arena_options *)> &works)
{
    static char block[4096];
    const char *debug = getenv("WEIR_DEBUG");
    bool checked = debug && strstr(debug, "arenacheck"); /* then no object lies in the first block */
    for (size_t block_size : factors)
        for (size_t limit : factors) {
            if (block_size > GIVEN && (block_size < IMPOSSIBLE || (limit > GIVEN && limit < IMPOSSIBLE)))
                continue;
            weir_arena_options options = {};
            options.block_size = block_size;
            options.limit = limit;
            errno = 77;
            bool refusable = block_size >= IMPOSSIBLE || (limit && limit < 16384);
            if (!works(&options) && (!refusable || errno != ENOMEM))
                die("refuses block_size, limit", block_size, limit);
            options.first_block = block;
            options.first_block_size = sizeof block;
            errno = 77;
            if (!works(&options) && !(refusable && checked && errno == ENOMEM))
                die("refuses a first block", block_size, limit);
        }
    for (size_t size : sizes) {
        weir_arena_options options = {};
        options.first_block = block;
        options.first_block_size = size;
        errno = 77;
        if ((size < WEIR_ARENA_FIRST_BLOCK_MIN || size > UINTPTR_MAX - (uintptr_t)block) &&
            (works(&options) || errno != EINVAL))
            die("takes a first block of", size, 0);
    }
}

static bool arena_works(const weir_arena_options *options)
{
    weir_arena *arena = weir_arena_new(options);
    void *p = arena ? weir_arena_alloc(arena, 100) : NULL;
    bool works = p && memset(p, 1, 100);
    weir_arena_free(arena);
    return works;
}

static bool shared_works(const weir_arena_options *options)
{
    weir_shared_arena *arena = weir_shared_arena_new(options);
    void *p = arena ? weir_shared_arena_alloc(arena, 100) : NULL;
    bool works = p && memset(p, 1, 100);
    weir_shared_arena_free(arena);
    return works;
}

static void builder_row(const std::function<bool(weir_builder *, size_t)> &add)
{
    in_arena([&](weir_arena *arena) {
        for (size_t size : sizes) {
            weir_builder builder = weir_builder_on(arena, 10);
            weir_builder_add_str(&builder, text);
            errno = 77;
            bool done = add(&builder, size);
            if (done ? size >= IMPOSSIBLE || errno != 77 : size <= GIVEN || errno != ENOMEM)
                die("has the wrong result", size, 0);
            if (memcmp(builder.bytes, text, 10) != 0 || builder.length > builder.capacity)
                die("lost what was built", size, 0);
        }
    });
}

static void array_row(const std::function<bool(weir_array *, size_t)> &add)
{
    in_arena([&](weir_arena *arena) {
        for (size_t item : factors)
            for (size_t count : factors) {
                weir_arena_reset(arena);
                weir_array array = weir_array_on(arena, item, 0);
                if (item && item <= 100)
                    memset(weir_array_push(&array), 'i', item);
                size_t bytes;
                if (__builtin_mul_overflow(item, count, &bytes))
                    bytes = SIZE_MAX;
                if (std::max(bytes, item) > GIVEN && std::max(bytes, item) < IMPOSSIBLE)
                    continue;
                errno = 77;
                bool done = add(&array, count);
                if (count == 0 || (bytes <= GIVEN && item))
                    done ? (void)0 : die("was refused", item, count);
                else if (done || errno != (item ? ENOMEM : EINVAL))
                    die("was not refused, or with another errno", item, count);
                for (size_t i = 0; item && item <= 100 && i < item; i++)
                    if (((char *)array.items)[i] != 'i')
                        die("lost an item", item, count);
            }
    });
}

static void array_on_row()
{
    in_arena([](weir_arena *arena) {
        for (size_t item : factors)
            for (size_t count : factors) {
                size_t bytes;
                if (__builtin_mul_overflow(item, count, &bytes))
                    bytes = SIZE_MAX;
                if (std::max(bytes, item) > GIVEN && std::max(bytes, item) < IMPOSSIBLE)
                    continue;
                weir_arena_reset(arena);
                weir_array array = weir_array_on(arena, item, count);
                bool has = count && item && bytes <= GIVEN;
                if (array.count != 0 ||
                    (has ? array.capacity != count || !array.items : array.capacity && bytes >= IMPOSSIBLE) ||
                    (!item && array.capacity))
                    die("has the wrong capacity", item, count);
                for (size_t i = 0; i < 5 && (item <= GIVEN || item >= IMPOSSIBLE); i++) {
                    char *p = (char *)weir_array_push(&array);
                    if (p ? !item || item >= IMPOSSIBLE : item && item <= GIVEN)
                        die("pushes wrongly", item, count);
                    if (p)
                        memset(p, (int)i, std::min(item, GIVEN));
                }
            }
    });
}

static void limit_row(int64_t (*set)(int64_t))
{
    for (int64_t limit : {INT64_MIN, INT64_MIN + 1, (int64_t)-1, (int64_t)0, (int64_t)1, (int64_t)4096,
                          INT64_MAX - 65536, INT64_MAX - 1, INT64_MAX}) {
        int64_t old = set(limit);
        void *p[100];
        for (size_t i = 0; i < 100; i++)
            p[i] = weir_malloc(i * 1000);
        for (size_t i = 0; i < 100; i++)
            weir_free(p[i]);
        if (set(old) != (limit < 0 ? old : limit))
            die("does not tell what was set", (size_t)limit, 0);
    }
}

/* A caller whose struct has another size than the library's: no byte beyond `size` is written. */
static void stats_row(const std::function<void(void *, size_t)> &read, size_t known)
{
    for (size_t size : {(size_t)0, (size_t)1, (size_t)8, known - 1, known, known + 1, known + 100}) {
        std::vector<char> room(known + 200, 'x');
        read(room.data(), size);
        for (size_t i = size; i < room.size(); i++)
            if (room[i] != 'x')
                die("writes beyond", size, i);
    }
}

static uint64_t all_pointers[8];
static void *typed(size_t size, size_t count)
{
    static weir_type types[512];
    static unsigned next;
    if (size % 8 || size > 512)
        return weir_gc_alloc(1);
    weir_type *type = &types[next++ % 512];
    type->name = "t";
    type->size = size;
    type->pointers = all_pointers;
    return weir_gc_alloc_typed(type, count);
}

static void typed_row()
{
    for (size_t size : {(size_t)8, (size_t)64, (size_t)512})
        for (size_t count : sizes) {
            size_t bytes;
            if (__builtin_mul_overflow(size, count, &bytes))
                bytes = SIZE_MAX;
            if (bytes > GIVEN && bytes < IMPOSSIBLE)
                continue;
            one(
                size, count, bytes, 16, [&] { return typed(size, count); }, weir_gc_alloc_noscan, keep);
        }
}

static void *posix(size_t alignment, size_t size)
{
    void *p = NULL;
    int error = posix_memalign(&p, alignment == 1 || alignment == 2 || alignment == 4 ? 8 : alignment, size);
    if (error)
        errno = error;
    return error ? NULL : p;
}

static void roots_row()
{
    static void *words[16];
    for (size_t size : sizes) {
        errno = 77;
        size_t sane = size % 8 == 0 && size <= UINTPTR_MAX - (uintptr_t)words;
        if (sane && size > sizeof words)
            continue;
        int result = weir_gc_add_roots(words, size);
        if (sane ? result != 0 : result != -1 || errno != EINVAL)
            die("has the wrong result", size, 0);
        if (result == 0)
            weir_gc(), weir_gc_remove_roots(words);
    }
    if (weir_gc_add_roots((char *)words + 1, 8) != -1 || errno != EINVAL)
        die("takes an odd start", 0, 8);
}

static void stack_row()
{
    static char stack[65536];
    for (size_t size : sizes) {
        errno = 77;
        bool sane = size >= 16 && size <= UINTPTR_MAX - (uintptr_t)stack;
        if (sane && size > sizeof stack)
            continue;
        weir_gc_stack *added = weir_gc_stack_add(stack, size);
        if (sane ? !added : added || errno != EINVAL)
            die("has the wrong result", size, 0);
        weir_gc();
        weir_gc_stack_remove(added);
    }
}

static void step_row()
{
    for (int i = 0; i < 100000; i++)
        weir_gc_alloc(64);
    weir_gc();
    weir_gc_step(0), weir_gc_step(1);
    for (uint64_t ns : {UINT64_MAX, UINT64_MAX - 1, (uint64_t)INT64_MAX + 1})
        if (weir_gc_step(ns))
            die("says that there is more, and had all the time there is", ns, 0);
}

static weir_account *an_account()
{
    static weir_account *account = weir_account_new("one", WEIR_NO_LIMIT);
    return account;
}

static void account_row()
{
    for (int64_t limit : {INT64_MIN, (int64_t)-1})
        if (weir_account_new("x", limit) || errno != EINVAL)
            die("takes a limit that is none", (size_t)limit, 0);
    for (int64_t limit : {(int64_t)0, (int64_t)1, (int64_t)PTRDIFF_MAX, INT64_MAX}) {
        weir_account *account = weir_account_new("x", limit), *before = weir_account_enter(account);
        void *p = weir_malloc(100);
        weir_account_enter(before);
        weir_account_stats stats;
        weir_account_read(account, &stats);
        if (!account || (!p && limit > 100) || stats.held > (uint64_t)limit)
            die("does not keep to the limit", (size_t)limit, 0);
        weir_free(p);
    }
}

static const std::map<std::string, std::function<void()>> rows = {
    {"malloc", [] { by_size(malloc, free); }},
    {"calloc", [] { by_product(calloc, malloc, free); }},
    {"realloc", [] { by_resize(realloc, malloc, free, true); }},
    {"reallocarray",
     [] {
         by_resize([](void *p, size_t size) { return reallocarray(p, size, 1); }, malloc, free, true);
         by_product([](size_t count, size_t size) { return reallocarray(NULL, count, size); }, malloc, free);
     }},
    {"aligned_alloc", [] { by_alignment(aligned_alloc, malloc, free, 0); }},
    {"memalign", [] { by_alignment(memalign, malloc, free, 0); }},
    {"posix_memalign", [] { by_alignment(posix, malloc, free, EINVAL); }},
    {"valloc", [] { by_size(valloc, free); }},
    {"pvalloc", [] { by_size(pvalloc, free); }},
    {"malloc_trim",
     [] {
         for (size_t size : sizes)
             malloc_trim(size);
     }},
    {"_Znwm",
     [] { operators([](size_t n) { return ::operator new(n); }, [](void *p) { ::operator delete(p); }); }},
    {"_Znam",
     [] {
         operators([](size_t n) { return ::operator new[](n); }, [](void *p) { ::operator delete[](p); });
     }},
    {"_ZnwmRKSt9nothrow_t",
     [] {
         operators(
             [](size_t n) {
                 auto p = ::operator new(n, std::nothrow);
                 return p ? p : (errno = ENOMEM, p);
             },
             [](void *p) { ::operator delete(p); });
     }},
    {"_ZnamRKSt9nothrow_t",
     [] {
         operators(
             [](size_t n) {
                 auto p = ::operator new[](n, std::nothrow);
                 return p ? p : (errno = ENOMEM, p);
             },
             [](void *p) { ::operator delete[](p); });
     }},
    {"_ZnwmSt11align_val_t",
     [] {
         aligned_operators([](size_t n, std::align_val_t a) { return ::operator new(n, a); },
                           [](void *p) { ::operator delete(p, (std::align_val_t)16); });
     }},
    {"_ZnamSt11align_val_t",
     [] {
         aligned_operators([](size_t n, std::align_val_t a) { return ::operator new[](n, a); },
                           [](void *p) { ::operator delete[](p, (std::align_val_t)16); });
     }},
    {"_ZnwmSt11align_val_tRKSt9nothrow_t",
     [] {
         aligned_operators(
             [](size_t n, std::align_val_t a) {
                 auto p = ::operator new(n, a, std::nothrow);
                 return p ? p : (errno = ENOMEM, p);
             },
             [](void *p) { ::operator delete(p, (std::align_val_t)16); });
     }},
    {"_ZnamSt11align_val_tRKSt9nothrow_t",
     [] {
         aligned_operators(
             [](size_t n, std::align_val_t a) {
                 auto p = ::operator new[](n, a, std::nothrow);
                 return p ? p : (errno = ENOMEM, p);
             },
             [](void *p) { ::operator delete[](p, (std::align_val_t)16); });
     }},

    {"weir_malloc", [] { by_size(weir_malloc, weir_free); }},
    {"weir_calloc", [] { by_product(weir_calloc, weir_malloc, weir_free); }},
    {"weir_realloc", [] { by_resize(weir_realloc, weir_malloc, weir_free, true); }},
    {"weir_aligned_alloc", [] { by_alignment(weir_aligned_alloc, weir_malloc, weir_free, EINVAL); }},
    {"weir_buffer_pool_get", [] { by_size(weir_buffer_pool_get, weir_buffer_pool_put); }},

    {"weir_gc_alloc", [] { by_size(weir_gc_alloc, keep); }},
    {"weir_gc_alloc_exact", [] { by_size(weir_gc_alloc_exact, keep); }},
    {"weir_gc_alloc_noscan", [] { by_size(weir_gc_alloc_noscan, keep); }},
    {"weir_gc_alloc_typed", typed_row},
    {"weir_gc_realloc", [] { by_resize(weir_gc_realloc, weir_gc_alloc, keep, false); }},
    {"weir_gc_add_roots", roots_row},
    {"weir_gc_stack_add", stack_row},
    {"weir_gc_step", step_row},
    {"weir_gc_wait_finalizers",
     [] {
         for (int64_t ns : {INT64_MIN, (int64_t)-1, (int64_t)0, (int64_t)1, INT64_MAX})
             if (weir_gc_wait_finalizers(ns) != 0)
                 die("waits though there are none", (size_t)ns, 0);
     }},

    {"weir_arena_new", [] { arena_options(arena_works); }},
    {"weir_arena_alloc", [] { arena_by_size(weir_arena_alloc); }},
    {"weir_arena_alloc_slow", [] { arena_by_size(weir_arena_alloc_slow); }},
    {"weir_arena_alloc_zeroed", [] { arena_by_size(weir_arena_alloc_zeroed); }},
    {"weir_arena_memdup",
     [] {
         static char bytes[GIVEN];
         arena_by_size([](weir_arena *arena, size_t size) { return weir_arena_memdup(arena, bytes, size); });
     }},
    {"weir_arena_strndup",
     [] {
         in_arena([](weir_arena *arena) {
             for (size_t most : sizes) {
                 size_t length = most < 10 ? most : 10;
                 char *copy = weir_arena_strndup(arena, text, most);
                 if (!copy || strlen(copy) != length || memcmp(copy, text, length) != 0)
                     die("copies wrongly", most, 0);
             }
         });
     }},
    {"weir_arena_alloc_array",
     [] {
         in_arena([](weir_arena *arena) {
             by_product(
                 [=](size_t count, size_t size) {
                     weir_arena_reset(arena);
                     return weir_arena_alloc_array(arena, count, size);
                 },
                 malloc, keep);
         });
     }},
    {"weir_arena_alloc_aligned",
     [] {
         in_arena([](weir_arena *arena) {
             by_alignment(
                 [=](size_t alignment, size_t size) -> void * {
                     weir_arena_reset(
                         arena); /* a limit shall refuse what is impossible, not what is left over */
                     return weir_arena_alloc_aligned(arena, alignment, size);
                 },
                 malloc, keep, EINVAL);
         });
     }},
    {"weir_arena_resize",
     [] {
         in_arena([](weir_arena *arena) {
             by_resize([=](void *p, size_t size) { return weir_arena_resize(arena, p, 100, size); },
                       [=](size_t size) { return weir_arena_alloc(arena, size); }, keep, false);
             by_resize([=](void *p, size_t size) { return weir_arena_resize(arena, p, 100, size); },
                       [=](size_t size) {
                           static void *last;
                           return size == 100 ? last = weir_arena_alloc(arena, size)
                                              : memset(malloc(size), 0, size);
                       },
                       keep, false); /* the last object */
         });
     }},
    {"weir_arena_rewind", nothing},
    {"weir_shared_arena_new", [] { arena_options(shared_works); }},
    {"weir_shared_arena_alloc", [] { shared_by_size(weir_shared_arena_alloc); }},
    {"weir_shared_arena_alloc_zeroed", [] { shared_by_size(weir_shared_arena_alloc_zeroed); }},
    {"weir_shared_arena_memdup",
     [] {
         static char bytes[GIVEN];
         shared_by_size([](weir_shared_arena *arena, size_t size) {
             return weir_shared_arena_memdup(arena, bytes, size);
         });
     }},
    {"weir_shared_arena_alloc_aligned",
     [] {
         weir_shared_arena *arena = weir_shared_arena_new(NULL);
         by_alignment(
             [=](size_t alignment, size_t size) -> void * {
                 weir_shared_arena_reset(arena);
                 return weir_shared_arena_alloc_aligned(arena, alignment, size);
             },
             malloc, keep, EINVAL);
         weir_shared_arena_free(arena);
     }},

    {"weir_builder_on",
     [] {
         in_arena([](weir_arena *arena) {
             for (size_t size : sizes) {
                 weir_builder builder = weir_builder_on(arena, size);
                 if (builder.failed ? size <= GIVEN || builder.capacity
                                    : size >= IMPOSSIBLE || builder.capacity < size)
                     die("has the wrong capacity", size, 0);
             }
         });
     }},
    {"weir_builder_reserve", [] { builder_row(weir_builder_reserve); }},
    {"weir_builder_add",
     [] {
         static char bytes[GIVEN];
         builder_row(
             [](weir_builder *builder, size_t size) { return weir_builder_add(builder, bytes, size); });
     }},
    {"weir_builder_add_char", nothing},
    {"weir_array_on", array_on_row},
    {"weir_array_reserve", [] { array_row(weir_array_reserve); }},
    {"weir_array_push", array_on_row},
    {"weir_array_add",
     [] {
         static char bytes[GIVEN];
         array_row([](weir_array *array, size_t count) { return weir_array_add(array, bytes, count); });
     }},
    {"weir_array_at", nothing}, /* an index within the array */

    {"weir_set_gc_percent",
     [] {
         for (int percent : {INT_MIN, -1, 0, 1, 100, INT_MAX - 1, INT_MAX}) {
             int old = weir_set_gc_percent(percent);
             by_size(weir_malloc, weir_free);
             by_size(weir_gc_alloc, keep);
             if (weir_set_gc_percent(old) != (percent < 0 ? -1 : percent))
                 die("does not tell what was set", (size_t)percent, 0);
         }
     }},
    {"weir_set_memory_limit", [] { limit_row(weir_set_memory_limit); }},
    {"weir_set_memory_limit_scope",
     [] {
         for (int scope : {INT_MIN, -1, 1, 2, INT_MAX, 0}) {
             int old = weir_set_memory_limit_scope((weir_limit_scope)scope);
             by_size(weir_malloc, weir_free);
             if (weir_set_memory_limit_scope((weir_limit_scope)old) != (scope == 1))
                 die("does not tell what was set", (size_t)scope, 0);
         }
     }},
    {"weir_shrinker_add",
     [] {
         static weir_shrinker *const nothing_left = [](void *, size_t) -> size_t { return SIZE_MAX; };
         for (int priority : {INT_MIN, -1, 0, 1, INT_MAX})
             if (weir_shrinker_add(nothing_left, NULL, priority) != 0)
                 die("weir_shrinker_add", (size_t)priority, 0);
         by_size(weir_malloc, weir_free);
         for (int i = 0; i < 6; i++)
             weir_shrinker_remove(nothing_left, NULL);
     }},
    {"weir_set_pressure_callback",
     [] {
         for (int percent : {INT_MIN, -1, 0, 1, 100, 101, INT_MAX}) {
             weir_set_pressure_callback(
                 percent, [](void *, size_t, size_t) {}, NULL);
             by_size(weir_malloc, weir_free);
         }
         weir_set_pressure_callback(0, NULL, NULL);
     }},
    {"weir_set_hard_limit", [] { limit_row(weir_set_hard_limit); }},
    {"weir_read_mem_stats_sized",
     [] {
         stats_row([](void *to, size_t size) { weir_read_mem_stats_sized(to, size); },
                   sizeof(weir_mem_stats));
     }},
    {"weir_account_read_sized",
     [] {
         stats_row([](void *to, size_t size) { weir_account_read_sized(an_account(), to, size); },
                   sizeof(weir_account_stats));
     }},
    {"weir_account_set_limit",
     [] { limit_row([](int64_t limit) { return weir_account_set_limit(an_account(), limit); }); }},
    {"weir_account_new", account_row},
    {"weir_read_pool_stats_sized",
     [] {
         weir_pool *pool = weir_pool_new(NULL);
         stats_row([=](void *to, size_t size) { weir_read_pool_stats_sized(pool, to, size); },
                   sizeof(weir_pool_stats));
         weir_pool_free(pool);
     }},
    /* As many samples as there are, and none. */
    {"weir_metrics_read",
     [] {
         weir_metric_sample samples[] = {{"/gc/heap/allocs:objects", WEIR_METRIC_BAD, {0}},
                                         {"/no/such:thing", WEIR_METRIC_BAD, {0}}};
         if (weir_metrics_read(samples, 0) != 0 || samples[0].kind != WEIR_METRIC_BAD ||
             weir_metrics_read(samples, 2) != 1 || samples[0].kind != WEIR_METRIC_UINT64)
             die("weir_metrics_read", 2, 0);
     }},

    /* The size repeats what was asked for; any other is misuse, and tests/misuse has it. */
    {"weir_free_sized", nothing},
    {"free_sized", nothing},
    {"free_aligned_sized", nothing},
    {"_ZdlPvm", nothing},
    {"_ZdaPvm", nothing},
    {"_ZdlPvSt11align_val_t", nothing},
    {"_ZdaPvSt11align_val_t", nothing},
    {"_ZdlPvSt11align_val_tRKSt9nothrow_t", nothing},
    {"_ZdaPvSt11align_val_tRKSt9nothrow_t", nothing},
    {"_ZdlPvmSt11align_val_t", nothing},
    {"_ZdaPvmSt11align_val_t", nothing},
    /* Numbers that are neither sizes nor counts. */
    {"weir_event_listen", nothing},
    {"weir_pool_set_limit",
     [] {
         for (size_t size : sizes) {
             weir_pool *pool = weir_pool_new(NULL);
             weir_pool_set_limit(pool, size);
             weir_pool_put(pool, weir_malloc(100));
             void *p = weir_pool_get(pool);
             if ((p != NULL) != (size == 0 || size > 100))
                 die("the limit of the pool is another", size, 0);
             weir_free(p);
             weir_pool_free(pool);
         }
     }},
    {"weir_pool_new", nothing},
    {"weir_pool_each", nothing},
    {"weir_set_hard_limit_callback", nothing},
    {"weir_gc_set_base_only", nothing},
    {"weir_gc_set_pause_budget", nothing},
    {"weir_heap_walk", nothing},
    {"weir_gc_path", nothing},
    {"syscall", nothing},
    {"prctl", nothing},
    {"weir_profile_write_fd", nothing},
    {"mallopt", nothing},
    {"malloc_info", nothing},
};

int main(int count, char **arguments)
{
    FILE *list = count == 2 ? fopen(arguments[1], "re") : NULL;
    char name[256];
    int number, missing = 0, run = 0;
    if (!list)
        return 2;
    while (fscanf(list, "%255s %d", name, &number) == 2) {
        auto row = rows.find(name);
        current = name;
        if (row != rows.end()) {
            row->second();
            run++;
        } else if (number) {
            fprintf(stderr, "sizes: %s takes a number, and has no row\n", name);
            missing++;
        }
    }
    fclose(list);
    printf("%d functions\n", run);
    return missing || run < 60;
}
