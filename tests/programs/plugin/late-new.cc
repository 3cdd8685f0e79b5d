// A C++ library that a C program opens late: libstdc++ comes with it, its symbols seen by nobody else.
#include <cstddef>
#include <cstdint>
#include <new>

static int handler_calls;

static void handler()
{
    if (++handler_calls == 2)
        std::set_new_handler(nullptr);
}

// 1: std::bad_alloc was thrown and caught here after two calls of the handler, and nothrow gave NULL.
extern "C" int late_new_refuses()
{
    volatile std::size_t too_much = PTRDIFF_MAX;
    std::set_new_handler(handler);
    try {
        ::operator delete(::operator new(too_much));
        return 0;
    } catch (const std::bad_alloc &) {
    }
    return handler_calls == 2 && ::operator new(too_much, std::nothrow) == nullptr;
}
