/* calls: see calls.h. */
#include "runtime/service/calls.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unwind.h>

#include "runtime/base/text.h"
#include "runtime/os/own.h"

/* Functions of libgcc_s; set once, before there are threads. */
static _Unwind_Reason_Code (*unwind)(_Unwind_Trace_Fn, void *);
static uintptr_t (*unwind_ip)(struct _Unwind_Context *);
static uintptr_t (*unwind_cfa)(struct _Unwind_Context *);
static uintptr_t (*unwind_register)(struct _Unwind_Context *, int);
/* The thread is in the unwinder, or in the linker to load it: it does not unwind meanwhile. */
static __thread bool busy __attribute__((tls_model("initial-exec")));

/* A frame holds the address after its call, which may belong to the next line, or to the next function. The
 * frames of this library are left out. */
static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *argument)
{
    origin_stack_t *stack = argument;
    uintptr_t address = unwind_ip(context);
    if (address == 0 || stack->depth == ORIGIN_FRAMES)
        return _URC_END_OF_STACK;
    if (!own_has_in_image(address))
        stack->frames[stack->depth++] = address - 1;
    return _URC_NO_REASON;
}

void calls_find_stack(origin_stack_t *stack)
{
    stack->depth = 0;
    if (busy || !unwind)
        return;
    busy = true;
    unwind(note_frame, stack);
    busy = false;
}

void calls_note_origins(void)
{
    if (unwind)
        origin_unwind = calls_find_stack;
}

bool calls_prepare(const char *why)
{
    if (unwind)
        return true;
    busy = true;
    void *library = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
    void *backtrace = library ? dlsym(library, "_Unwind_Backtrace") : NULL;
    void *ip = library ? dlsym(library, "_Unwind_GetIP") : NULL;
    void *cfa = library ? dlsym(library, "_Unwind_GetCFA") : NULL;
    void *held = library ? dlsym(library, "_Unwind_GetGR") : NULL;
    if (backtrace && ip && cfa && held) {
        unwind_cfa = (uintptr_t(*)(struct _Unwind_Context *))(uintptr_t)cfa;
        unwind_register = (uintptr_t(*)(struct _Unwind_Context *, int))(uintptr_t)held;
        unwind_ip = (uintptr_t(*)(struct _Unwind_Context *))(uintptr_t)ip;
        unwind = (_Unwind_Reason_Code(*)(_Unwind_Trace_Fn, void *))(uintptr_t)backtrace;
    } else {
        char room[256];
        text_t line = text_on(room, sizeof room);
        text_add_str(&line, "weir: ");
        text_add_str(&line, why);
        text_add_char(&line, '\n');
        text_say(room);
    }
    busy = false;
    return unwind != NULL;
}

/* --- where the program called exit --- */

#ifdef __x86_64__

/* Are both addresses in the same library? */
static bool is_beside(uintptr_t address, const void *other)
{
    Dl_info one, two;
    return dladdr((const void *)address, &one) && dladdr(other, &two) && one.dli_fbase == two.dli_fbase;
}

extern void *__tls_get_addr(void *); /* the dynamic linker's */

/* The numbers of rbx, rbp, r12 to r15 in the x86-64 ABI. */
static _Unwind_Reason_Code find_program(struct _Unwind_Context *context, void *argument)
{
    static const int kept[ORIGIN_SAVED] = {3, 6, 12, 13, 14, 15};
    origin_frame_t *frame = argument;
    uintptr_t address = unwind_ip(context) - 1;
    if (own_has_in_image(address) || is_beside(address, (const void *)(uintptr_t)exit) ||
        is_beside(address, (const void *)(uintptr_t)__tls_get_addr))
        return _URC_NO_REASON;
    frame->from = unwind_cfa(context);
    for (size_t i = 0; i < ORIGIN_SAVED; i++)
        frame->saved[i] = unwind_register(context, kept[i]);
    return _URC_END_OF_STACK;
}

#endif

origin_frame_t calls_program_frame(const void *here)
{
    origin_frame_t frame = {.from = (uintptr_t)here};
#ifdef __x86_64__
    if (unwind)
        unwind(find_program, &frame);
#endif
    return frame;
}
