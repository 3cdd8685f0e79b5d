/* foreign: how much of the process's memory is not the runtime's, as arithmetic: no lock, no clock, no system
 * call. limit.c has the foreign_t, under the pages' lock.
 *
 *     resident   anonymous memory of the process that is resident
 *     held       the runtime's memory that may be resident: >= what is resident of it
 *     difference = resident - held       <= what is foreign: blocks that were not written yet are held, not
 *                                        resident
 *     foreign    = the highest difference of the last quarter to half a second of readings, in steps
 *
 * What other libraries take shows in the next reading. A block that the program has allocated and not yet
 * written makes the difference too small, by its size, until it is written. If foreign followed at once, the
 * runtime would fill the room with idle memory, which would be resident together with the block once that is
 * written. A block that is still not written after half a second is expected to stay so: from then on
 * resident <= limit holds, but not resident + block <= limit.
 *
 * The steps keep noise (pages that are counted late, tables that grow) from moving goals and limits: foreign
 * changes only when it is too small, or too large by two steps.
 *
 *     difference <= foreign < difference + 2 * step            for the highest difference of the window
 */
#ifndef WEIR_POLICY_FOREIGN_H
#define WEIR_POLICY_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

enum { FOREIGN_WINDOW_NS = 250 * 1000 * 1000 };

typedef struct foreign {
    size_t bytes;         /* foreign, a multiple of the step */
    size_t resident;      /* of the last reading */
    size_t highest[2];    /* differences: of this window, of the one before */
    uint64_t window_ends; /* 0: nothing was read yet */
} foreign_t;

/* A reading; `now` on a clock that does not go back. step > 0. */
void foreign_note(foreign_t *foreign, size_t resident, size_t held, size_t step, uint64_t now);

#endif
