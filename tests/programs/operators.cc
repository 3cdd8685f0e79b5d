// Every form of operator new and delete: alignment, contents, std::bad_alloc thrown and caught, a new handler
// that frees memory, one that throws, one that takes itself away, and the nothrow forms in each of these
// cases.
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "check.h"

namespace
{

constexpr std::size_t kTooMuch = PTRDIFF_MAX; // never to be had
constexpr std::align_val_t kAlign64{64}, kAlign4096{4096};
constexpr std::size_t kSizes[] = {0, 1, 7, 8, 16, 24, 100, 1000, 4096, 5000, 100000, 3000000};

bool aligned(const void *p, std::size_t alignment)
{
    return reinterpret_cast<std::uintptr_t>(p) % alignment == 0;
}

// One row of the table of forms: a way to get memory, and all ways that may take it back.
struct Form {
    const char *name;
    void *(*get)(std::size_t);
    void (*give[4])(void *, std::size_t);
    std::size_t alignment;
    bool throws;
};

// clang-format off
#define GET(expression) [](std::size_t n) -> void * { return (void)n, (expression); }
#define GIVE(expression) [](void *p, std::size_t n) { (void)n, (expression); }
#define FORMS(op_new, op_delete)                                                                             \
    {"plain " #op_new, GET(::op_new(n)),                                                                     \
     {GIVE(::op_delete(p)), GIVE(::op_delete(p, n)), GIVE(::op_delete(p, std::nothrow))}, 16, true},         \
    {"nothrow " #op_new, GET(::op_new(n, std::nothrow)),                                                     \
     {GIVE(::op_delete(p)), GIVE(::op_delete(p, n)), GIVE(::op_delete(p, std::nothrow))}, 16, false},        \
    {"aligned " #op_new, GET(::op_new(n, kAlign64)),                                                         \
     {GIVE(::op_delete(p, kAlign64)), GIVE(::op_delete(p, n, kAlign64)),                                     \
      GIVE(::op_delete(p, kAlign64, std::nothrow))}, 64, true},                                              \
    {"aligned nothrow " #op_new, GET(::op_new(n, kAlign4096, std::nothrow)),                                 \
     {GIVE(::op_delete(p, kAlign4096)), GIVE(::op_delete(p, n, kAlign4096)),                                 \
      GIVE(::op_delete(p, kAlign4096, std::nothrow))}, 4096, false}
// clang-format on

const Form kForms[] = {FORMS(operator new, operator delete), FORMS(operator new[], operator delete[])};

void get_fill_and_give_back(const Form &form)
{
    for (auto *give : form.give) {
        if (!give)
            continue;
        for (std::size_t size : kSizes) {
            void *p = hide(form.get(size));
            CHECK(p != nullptr);
            if (size >= form.alignment || form.alignment > 16)
                CHECK(aligned(p, form.alignment));
            fill(p, size);
            CHECK(is_filled(p, size));
            give(p, size);
        }
        give(nullptr, 0);
    }
}

// What happened to a request for too much: NULL, std::bad_alloc, or something else.
enum class Answer { null, bad_alloc, memory };

Answer ask_for_too_much(const Form &form)
{
    try {
        return hide(form.get(kTooMuch)) ? Answer::memory : Answer::null;
    } catch (const std::bad_alloc &) {
        return Answer::bad_alloc;
    }
}

void refuse(const Form &form)
{
    CHECK(ask_for_too_much(form) == (form.throws ? Answer::bad_alloc : Answer::null));
}

// ---- handlers ----

int calls;

void handler_that_leaves()
{
    if (++calls == 3)
        std::set_new_handler(nullptr);
}

void handler_that_throws()
{
    calls++;
    throw std::bad_alloc();
}

template <class Handler> void refuse_with(const Form &form, Handler handler, int expected_calls)
{
    calls = 0;
    std::set_new_handler(handler);
    refuse(form);
    std::set_new_handler(nullptr);
    CHECK(calls == expected_calls);
}

// A handler that frees a reserve lets the request go through. Needs a limit on the process's memory, which
// the script that runs this sets; the argument is a request that fits only without the reserve.
void *reserve;

void handler_that_frees()
{
    calls++;
    std::free(reserve);
    reserve = nullptr;
    std::set_new_handler(nullptr);
}

void succeed_after_freeing(const Form &form, std::size_t bytes)
{
    reserve = hide(std::malloc(bytes));
    CHECK(reserve != nullptr);
    calls = 0;
    std::set_new_handler(handler_that_frees);
    void *p = nullptr;
    try {
        p = hide(form.get(bytes));
    } catch (const std::bad_alloc &) {
    }
    CHECK(calls == 1);
    CHECK(p != nullptr);
    form.give[0](p, bytes);
}

// ---- what compilers make of new and delete ----

struct alignas(256) Wide {
    char bytes[256];
};

struct Throws {
    Throws() // the memory has to go back through the matching delete
    {
        throw 7;
    }
};

void containers()
{
    std::vector<std::unique_ptr<std::string>> strings;
    for (int i = 0; i < 10000; i++)
        strings.push_back(std::make_unique<std::string>(i % 300, 'x'));
    for (int i = 0; i < 10000; i++)
        CHECK(strings[i]->size() == std::size_t(i % 300));
    std::unique_ptr<Wide[]> wide(new Wide[3]);
    CHECK(aligned(wide.get(), 256));
    auto shared = std::make_shared<Wide>();
    CHECK(aligned(shared.get(), 256));
    int caught = 0;
    for (int i = 0; i < 100; i++) {
        try {
            delete new Throws;
        } catch (int seven) {
            caught += seven == 7;
        }
    }
    CHECK(caught == 100);
    try {
        volatile std::ptrdiff_t negative = -1;
        delete[] static_cast<int *>(hide(new int[negative]));
        CHECK(!"std::bad_array_new_length");
    } catch (const std::bad_array_new_length &) {
    }
}

} // namespace

// operators [BYTES]: with BYTES, also the handler that frees.
int main(int argc, char **argv)
{
    for (const Form &form : kForms) {
        get_fill_and_give_back(form);
        refuse(form);
        refuse_with(form, handler_that_leaves, 3);
        refuse_with(form, handler_that_throws, 1);
        if (argc > 1)
            succeed_after_freeing(form, std::strtoull(argv[1], nullptr, 10));
    }
    containers();
}
