/* calls: finds the stack of calls by the unwinder of libgcc_s.so.1, which is loaded for this and needs no
 * frame pointers. */
#ifndef WEIR_SERVICE_CALLS_H
#define WEIR_SERVICE_CALLS_H

#include "runtime/profile/origin.h"

/* Load the unwinder. False: there is none, and `why` is printed as a line on stderr. May allocate; called
 * when the program begins. */
bool calls_prepare(const char *why);
/* Have the origin of blocks found by the unwinder. */
void calls_note_origins(void);

/* The stack of the calling thread, without frames of this library; of depth 0 if it is not known. */
void calls_find_stack(origin_stack_t *stack);

/* The program's innermost frame on the calling thread's stack, for code that runs within exit. The frames of
 * exit itself hold stale words, which must not count as roots. If that frame is not found: `here`, without
 * registers. */
origin_frame_t calls_program_frame(const void *here);

#endif
