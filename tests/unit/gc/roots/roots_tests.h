/* roots_tests: what the tests of roots share. */
#ifndef WEIR_TESTS_UNIT_ROOTS_TESTS_H
#define WEIR_TESTS_UNIT_ROOTS_TESTS_H

#include <criterion/criterion.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>
#include <weir/arena.h>
#include <weir/gc.h>
#include "runtime/base/cpu.h"
#include "runtime/config/options.h"
#include "tests/unit/hidden.h"
#include "tests/unit/support.h"

/* Nothing is to be collected but where a test says so: what is freed is not used again while we look. */
static inline void begin(void)
{
    weir_gc_disable();
    weir_gc_free(weir_gc_alloc(1));
    options.poolcheck = OPTIONS_POOLCHECK_OFF;
}

__attribute__((unused)) static const weir_arena_options scanned = {.scan = true};

typedef struct link {
    struct link *next;
    void *object;
    uint64_t number;
} link_t;

__attribute__((unused)) static atomic_bool stop;

#endif
