/* pacer_tests: what the tests of the pacer share. */
#ifndef WEIR_TESTS_UNIT_PACER_TESTS_H
#define WEIR_TESTS_UNIT_PACER_TESTS_H

#include <criterion/criterion.h>
#include "runtime/policy/pacer.h"
#include "tests/unit/support.h"

__attribute__((unused)) static const uint64_t SECOND = 1000000000; /* of CPU time */

typedef struct program {
    pacer_t pacer;
    uint64_t (*live_at)(uint64_t allocated); /* bytes reachable, once this much has been allocated */
    uint64_t outside;
    unsigned holes_percent;           /* bytes that spans hold beyond the heap, in percent of it */
    uint64_t mark_mib_ns, run_mib_ns; /* CPU time to mark a MiB, and to allocate one */
    /* What happened. */
    uint64_t heap, allocated;
    uint64_t highest;                    /* of heap and outside */
    uint64_t untold_ns;                  /* of the program, since the pacer was told */
    uint64_t program_ns, collector_ns;   /* all of it */
    uint64_t longest_ns;                 /* of the cycles */
    uint64_t cycles, limited, held_back; /* held_back: grains beyond the goal, with the limiter on */
    uint64_t since;                      /* allocated since the last cycle */
    double worst_short, worst_over;      /* peak / goal of a cycle, at the lowest and highest */
} program_t;

#endif
