/* exclude: see exclude.h. */
#include "runtime/service/exclude.h"

#include "runtime/base/rules.h"
#include "runtime/config/options.h"
#include "runtime/heap/hooks.h"
#include "runtime/service/callers.h"
#include "runtime/service/calls.h"

static const char *keep(void)
{
    return (const char *)(intptr_t)options.keep;
}

static const char *noscan(void)
{
    return (const char *)(intptr_t)options.noscan;
}

/* --- whose address it is --- */

static bool is_of_the_language(const char *name)
{
    return rules_have_name("libc.so,libstdc++.so,ld-linux", name);
}

/* NULL: it is not known. */
static const char *find_caller(void)
{
    origin_stack_t stack;
    calls_find_stack(&stack);
    for (uint32_t i = 0; i < stack.depth; i++) {
        const char *name = callers_file(stack.frames[i]);
        if (name && !is_of_the_language(name))
            return name;
    }
    return NULL;
}

/* --- the entries --- */

void exclude_prepare(void)
{
    if (options.collect && (rules_have_names(keep()) || rules_have_names(noscan())))
        calls_prepare("WEIR_KEEP, WEIR_NOSCAN: no libgcc_s.so.1: libraries cannot be told apart");
}

enum span_kind hook_kind(size_t size)
{
    bool keeps_names = rules_have_names(keep());
    const char *caller = keeps_names || rules_have_names(noscan()) ? find_caller() : NULL;
    if (rules_have_size(keep(), size) || (caller ? rules_have_name(keep(), caller) : keeps_names))
        return KIND_KEPT;
    if (rules_have_size(noscan(), size) || (caller && rules_have_name(noscan(), caller)))
        return KIND_NOSCAN;
    return KIND_SCAN;
}
