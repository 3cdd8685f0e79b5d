/* calls: the stack of calls, by the unwinder of libgcc_s.so.1, which is loaded for it and needs no frame
 * pointers. */
#ifndef WEIR_SERVICE_CALLS_H
#define WEIR_SERVICE_CALLS_H

#include "runtime/profile/origin.h"

/* Load the unwinder; `why`: what it is for, of which the line speaks if it is not there. May allocate; once,
 * when the program begins. */
bool calls_prepare(const char *why);
/* Have the origin of blocks found by it. */
void calls_note_origins(void);

/* The stack of the calling thread, without frames of this library; of depth 0 if it is not known. */
void calls_find_stack(origin_stack_t *stack);

/* Where the calling thread's stack begins to be the program's, as seen from code that the C library called
 * when the program called exit: the frames of exit are full of old words. `here`, and nothing in held, if
 * that cannot be found out. */
origin_frame_t calls_program_frame(const void *here);

#endif
